package scopemapcmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/manage"
)

// listOptions are what "scope-map list" needs.
type listOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Azure    cmdutil.Azure
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
}

var listFields = []string{"name", "description", "type", "createdTime", "actions"}

// scopeMapJSON is a scope map as --json shows it.
type scopeMapJSON struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Type        string    `json:"type"` // user or system
	CreatedTime time.Time `json:"createdTime"`
	Actions     []string  `json:"actions"`
}

func scopeMapOf(m manage.ScopeMap) scopeMapJSON {
	return scopeMapJSON{m.Name, m.Description, typeOf(m), m.Created, append([]string{}, m.Actions...)}
}

func typeOf(m manage.ScopeMap) string {
	if m.System {
		return "system"
	}
	return "user"
}

// newCmdList returns "scope-map list". A runF other than nil runs instead of it.
func newCmdList(f *cmdutil.Factory, runF func(context.Context, *listOptions) error) *cobra.Command {
	opts := &listOptions{IO: f.IO, Manage: f.Manage}
	cmd := &cobra.Command{
		Use:   "list [<registry>]",
		Short: "List the scope maps of a registry",
		Long: "List the scope maps of a registry, the service's own included, all of them or fail.\n\n" +
			"This asks Azure Resource Manager, with an Entra identity: a service principal in the\n" +
			"environment, or the user signed in to az. docs/permissions.md lists the rights.",
		Example: "$ acrkit scope-map list myregistry\n\n# The repositories that each names\n" +
			"$ acrkit scope-map list --json name,actions",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, err = f.Registry(cmdutil.First(args)); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return listRun(cmd.Context(), opts)
		},
	}
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, listFields)
	return cmd
}

func listRun(ctx context.Context, opts *listOptions) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	row := func(m manage.ScopeMap) []string {
		return []string{m.Name, typeOf(m), fmt.Sprint(len(m.Actions)), m.Description}
	}
	_, err = cmdutil.PrintList(ctx, opts.IO, opts.Exporter, r.ScopeMaps(ctx),
		[]string{"SCOPE MAP", "TYPE", "ACTIONS", "DESCRIPTION"}, row, scopeMapOf)
	return opts.Azure.Explain(ctx, err)
}
