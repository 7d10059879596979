package token

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// deleteOptions are what "token delete" needs.
type deleteOptions struct {
	rights.Change
	WithScopeMap bool
}

// newCmdDelete returns "token delete". A runF other than nil runs instead of it.
func newCmdDelete(f *cmdutil.Factory, runF func(context.Context, *deleteOptions) error) *cobra.Command {
	opts := &deleteOptions{}
	cmd := &cobra.Command{
		Use:   "delete [<registry>/]<token>",
		Short: "Delete a token with its passwords",
		Long: "Delete a token with its passwords. What it may do is shown first. With --with-scope-map\nits scope " +
			"map is " +
			"deleted too, unless another token uses it or it is the service's own.",
		Example: "$ acrkit token delete myregistry/ci-pull\n\n# What \"acrkit token create\" has made, in a script\n" +
			"$ acrkit token delete ci-pull --with-scope-map --yes",
		Args: cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return deleteRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.WithScopeMap, "with-scope-map", false, "delete its scope map, too")
	opts.AddFlags(cmd, f)
	return cmd
}

func deleteRun(ctx context.Context, opts *deleteOptions) error {
	if err := opts.Possible(); err != nil {
		return err
	}
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	explain := func(err error) error { return opts.Explain(ctx, err, sentence.ShowTokens) }
	t, m, err := tokenWithMap(ctx, r, opts.Name)
	if err != nil {
		return explain(err)
	}
	withMap, notes, err := opts.scopeMap(ctx, r, t, m)
	if err != nil {
		return explain(err)
	}
	agreed, err := opts.Agree(ctx, rights.Effect{What: rights.ScopeMap(m.Name), Before: m.Actions,
		Tokens: []string{t.Name}, Notes: append(notes, liveOn), Always: true,
		Question: "Delete the " + rights.Token(t.Name) + "?"})
	if err != nil || !agreed {
		return err
	}
	if err := r.DeleteToken(ctx, t.Name); err != nil {
		return explain(err)
	}
	cmdutil.Say(opts.IO.ErrOut, "Deleted the %s.", rights.Token(t.Name))
	if !withMap {
		return nil
	}
	if err := r.DeleteScopeMap(ctx, m.Name); err != nil {
		return halfDone(explain(err), opts.Registry, "the token was deleted, and the "+rights.ScopeMap(m.Name)+" was not",
			sentence.Fix(sentence.DeleteScopeMap, map[string]string{"host": opts.Registry.Host(), "scope_map": m.Name}))
	}
	cmdutil.Say(opts.IO.ErrOut, "Deleted the %s.", rights.ScopeMap(m.Name))
	return nil
}

// scopeMap reports whether the scope map is deleted, too, and says what becomes of it.
func (opts *deleteOptions) scopeMap(ctx context.Context, r *manage.Registry, t manage.Token,
	m manage.ScopeMap) (bool, []string, error) {
	switch {
	case !opts.WithScopeMap:
		return false, nil, nil
	case m.System:
		return false, []string{"The scope map stays: it is the service's own."}, nil
	}
	tokens, err := rights.TokensOf(ctx, r, m.Name)
	if err != nil {
		return false, nil, err
	}
	others := slices.DeleteFunc(tokens, func(name string) bool { return name == t.Name })
	if len(others) > 0 {
		return false, []string{"The scope map stays: it is used by " + rights.Tokens(others) + "."}, nil
	}
	return true, []string{"The scope map is deleted, too."}, nil
}
