package token

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// viewOptions are what "token view" needs.
type viewOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Azure    cmdutil.Azure
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
	Name     string
}

var viewFields = append(append([]string{}, listFields...), "actions")

type viewJSON struct {
	tokenJSON
	Actions []string `json:"actions"` // of its scope map
}

// newCmdView returns "token view". A runF other than nil runs instead of it.
func newCmdView(f *cmdutil.Factory, runF func(context.Context, *viewOptions) error) *cobra.Command {
	opts := &viewOptions{IO: f.IO, Manage: f.Manage}
	cmd := &cobra.Command{
		Use:   "view [<registry>/]<token>",
		Short: "Show a token",
		Long: "Show a token: its status, when its passwords were made and expire, and what its scope\nmap allows. A " +
			"password's value cannot be read.",
		Example: "$ acrkit token view myregistry/ci-pull\n$ acrkit token view ci-pull --json actions --jq '.actions[]'",
		Args:    cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return viewRun(cmd.Context(), opts, f.Now)
		},
	}
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, viewFields)
	return cmd
}

func viewRun(ctx context.Context, opts *viewOptions, now func() time.Time) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	t, m, err := tokenWithMap(ctx, r, opts.Name)
	if err != nil {
		return rights.Explain(ctx, &opts.Azure, opts.Registry, err, sentence.ShowTokens)
	}
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, viewJSON{tokenOf(t), append([]string{}, m.Actions...)})
	}
	pairs := [][2]string{{"name", t.Name}, {"status", statusOf(t)}, {"scope map", t.ScopeMap},
		{"created", cmdutil.Time(t.Created)}}
	if len(t.Passwords) == 0 {
		pairs = append(pairs, [2]string{"password", "none"})
	}
	for _, p := range t.Passwords {
		pairs = append(pairs, [2]string{"password", passwordText(p, now()) + ", made " + cmdutil.Time(p.Created)})
	}
	for _, line := range m.Actions {
		pairs = append(pairs, [2]string{"action", line})
	}
	return cmdutil.PrintPairs(opts.IO, pairs)
}

// tokenWithMap reads a token and its scope map. The scope map is zero if there is none of its
// name: the token has no rights then, and can be changed and deleted like any other.
func tokenWithMap(ctx context.Context, r *manage.Registry, name string) (manage.Token, manage.ScopeMap, error) {
	t, err := r.Token(ctx, name)
	if err != nil {
		return t, manage.ScopeMap{}, err
	}
	m, err := r.ScopeMap(ctx, t.ScopeMap)
	if errors.Is(err, acrkit.CodeNotFound) {
		return t, manage.ScopeMap{}, nil
	}
	return t, m, err
}

// viewToken is the command that shows the token of a change.
func viewToken(c *rights.Change) string {
	return sentence.Fix(sentence.ViewToken, map[string]string{"host": c.Registry.Host(), "token": c.Name})
}
