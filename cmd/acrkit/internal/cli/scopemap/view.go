package scopemapcmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// viewOptions are what "scope-map view" needs.
type viewOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Azure    cmdutil.Azure
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
	Name     string
}

var viewFields = append(append([]string{}, listFields...), "tokens")

type viewJSON struct {
	scopeMapJSON
	Tokens []string `json:"tokens"` // that use it
}

// newCmdView returns "scope-map view". A runF other than nil runs instead of it.
func newCmdView(f *cmdutil.Factory, runF func(context.Context, *viewOptions) error) *cobra.Command {
	opts := &viewOptions{IO: f.IO, Manage: f.Manage}
	cmd := &cobra.Command{
		Use:   "view [<registry>/]<scope-map>",
		Short: "Show a scope map",
		Long:  "Show a scope map: its lines, and the tokens that use it.",
		Example: "$ acrkit scope-map view myregistry/ci-pull\n\n# Its lines, as --scope-map of other commands " +
			"takes them\n" +
			"$ acrkit scope-map view ci-pull --json actions --jq '.actions[]' > ci-pull.txt",
		Args: cmdutil.ExactArgs(1, scopeMapArg+": [<registry>/]<scope-map>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], scopeMapArg); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return viewRun(cmd.Context(), opts)
		},
	}
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, viewFields)
	return cmd
}

func viewRun(ctx context.Context, opts *viewOptions) error {
	explain := func(err error) error {
		return rights.Explain(ctx, &opts.Azure, opts.Registry, err, sentence.ShowScopeMaps)
	}
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	m, err := r.ScopeMap(ctx, opts.Name)
	if err != nil {
		return explain(err)
	}
	tokens, err := rights.TokensOf(ctx, r, m.Name)
	if err != nil {
		return explain(err)
	}
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, viewJSON{scopeMapOf(m), append([]string{}, tokens...)})
	}
	used := strings.Join(tokens, ", ")
	if used == "" {
		used = "none"
	}
	pairs := [][2]string{{"name", m.Name}, {"description", m.Description}, {"type", typeOf(m)},
		{"created", cmdutil.Time(m.Created)}, {"tokens", used}}
	for _, line := range m.Actions {
		pairs = append(pairs, [2]string{"action", line})
	}
	return cmdutil.PrintPairs(opts.IO, pairs)
}
