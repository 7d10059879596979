package token

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// editOptions are what "token edit" needs.
type editOptions struct {
	rights.Change
	ScopeMap string
}

// newCmdEdit returns "token edit". A runF other than nil runs instead of it.
func newCmdEdit(f *cmdutil.Factory, runF func(context.Context, *editOptions) error) *cobra.Command {
	opts := &editOptions{}
	cmd := &cobra.Command{
		Use:   "edit [<registry>/]<token> --scope-map <name>",
		Short: "Give a token another scope map",
		Long: "Give a token another scope map. The difference in rights is shown first; more rights\nare " +
			"confirmed. Its " +
			"passwords stay. \"acrkit scope-map edit\" changes the scope map itself,\nfor all tokens that use it.",
		Example: "$ acrkit token edit myregistry/ci-pull --scope-map team-a\n\n# What would change\n" +
			"$ acrkit token edit ci-pull --scope-map _repositories_pull --dry-run",
		Args: cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
				return err
			}
			if opts.ScopeMap == "" {
				return cmdutil.Usage("give the scope map with --scope-map")
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return editRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.ScopeMap, "scope-map", "", "`name` of an existing scope map")
	opts.AddFlags(cmd, f)
	return cmd
}

func editRun(ctx context.Context, opts *editOptions) error {
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	explain := func(err error) error { return opts.Explain(ctx, err, sentence.ShowTokens) }
	t, effect, err := opts.effect(ctx, r)
	if err != nil {
		return explain(err)
	}
	if strings.EqualFold(t.ScopeMap, opts.ScopeMap) {
		cmdutil.Say(opts.IO.ErrOut, "The %s has this scope map already; nothing was changed.", rights.Token(t.Name))
		return nil
	}
	if agreed, err := opts.Agree(ctx, effect); err != nil || !agreed {
		return err
	}
	err = opts.Unchanged("change the "+rights.Token(t.Name), viewToken(&opts.Change), effect,
		func() (now rights.Effect, err error) {
			t, now, err = opts.effect(ctx, r)
			return now, err
		})
	if err != nil {
		return explain(err)
	}
	if err := r.UpdateToken(ctx, t, manage.TokenChange{ScopeMap: &opts.ScopeMap}); err != nil {
		return explain(err)
	}
	cmdutil.Say(opts.IO.ErrOut, "Changed the %s.", rights.Token(t.Name))
	return nil
}

// effect reads the token and both scope maps, and returns what its rights become.
func (opts *editOptions) effect(ctx context.Context, r *manage.Registry) (manage.Token, rights.Effect, error) {
	t, before, err := tokenWithMap(ctx, r, opts.Name)
	if err != nil || strings.EqualFold(t.ScopeMap, opts.ScopeMap) {
		return t, rights.Effect{}, err
	}
	after, err := r.ScopeMap(ctx, opts.ScopeMap)
	if errors.Is(err, acrkit.CodeNotFound) { // other errors are explained by the caller
		err = opts.Explain(ctx, err, sentence.ShowScopeMaps)
	}
	if err != nil {
		return t, rights.Effect{}, err
	}
	effect := rights.Effect{What: rights.ScopeMap(after.Name) + " in place of " + rights.ScopeMap(t.ScopeMap),
		Before: before.Actions, After: after.Actions, Tokens: []string{t.Name}, Question: "Give these rights?"}
	if !t.Enabled {
		effect.Notes = []string{"The token is disabled: it has these rights once it is enabled."}
	}
	return t, effect, nil
}
