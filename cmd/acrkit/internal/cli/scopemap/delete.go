package scopemapcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// deleteOptions are what "scope-map delete" needs.
type deleteOptions struct{ rights.Change }

// newCmdDelete returns "scope-map delete". A runF other than nil runs instead of it.
func newCmdDelete(f *cmdutil.Factory, runF func(context.Context, *deleteOptions) error) *cobra.Command {
	opts := &deleteOptions{}
	cmd := &cobra.Command{
		Use:     "delete [<registry>/]<scope-map>",
		Short:   "Delete a scope map",
		Long:    "Delete a scope map that no token uses. Its rights are shown first.",
		Example: "$ acrkit scope-map delete myregistry/team-a\n\n# In a script\n$ acrkit scope-map delete team-a --yes",
		Args:    cmdutil.ExactArgs(1, scopeMapArg+": [<registry>/]<scope-map>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], scopeMapArg); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return deleteRun(cmd.Context(), opts)
		},
	}
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
	explain := func(err error) error { return opts.Explain(ctx, err, sentence.ShowScopeMaps) }
	m, effect, err := opts.effect(ctx, r)
	if err != nil {
		return explain(err)
	}
	agreed, err := opts.Agree(ctx, effect)
	if err != nil || !agreed {
		return err
	}
	err = opts.Unchanged("delete the "+rights.ScopeMap(m.Name), sentence.Fix(sentence.ViewScopeMap,
		map[string]string{"host": opts.Registry.Host(), "scope_map": m.Name}), effect,
		func() (now rights.Effect, err error) {
			m, now, err = opts.effect(ctx, r)
			return now, err
		})
	if err != nil {
		return explain(err)
	}
	if err := r.DeleteScopeMap(ctx, m); err != nil {
		return explain(err)
	}
	cmdutil.Say(opts.IO.ErrOut, "Deleted the %s.", rights.ScopeMap(m.Name))
	return nil
}

// effect reads the scope map, and returns what its deletion changes. One that is used by a
// token is an error: Azure would delete it, and leave the token without rights.
func (opts *deleteOptions) effect(ctx context.Context, r *manage.Registry) (manage.ScopeMap, rights.Effect, error) {
	m, err := r.ScopeMap(ctx, opts.Name)
	if err != nil {
		return m, rights.Effect{}, err
	}
	if err := rights.Changeable(opts.Registry, m); err != nil {
		return m, rights.Effect{}, err
	}
	tokens, err := rights.TokensOf(ctx, r, m.Name)
	if err != nil {
		return m, rights.Effect{}, err
	}
	//rule:scope-map-delete-used
	if len(tokens) > 0 {
		return m, rights.Effect{}, &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict,
			Op:       "delete the " + rights.ScopeMap(m.Name),
			Registry: opts.Registry,
			Reason:   "it is used by " + rights.Tokens(tokens) + "; give them another one, or delete them",
			Hint: sentence.Fix(sentence.ViewToken,
				map[string]string{"host": opts.Registry.Host(), "token": tokens[0]})}
	}
	return m, rights.Effect{What: rights.ScopeMap(m.Name), Before: m.Actions, Always: true,
		Question: "Delete the " + rights.ScopeMap(m.Name) + "?"}, nil
}
