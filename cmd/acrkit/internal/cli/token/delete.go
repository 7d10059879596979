package token

import (
	"context"
	"slices"
	"time"

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

	now time.Time
}

// newCmdDelete returns "token delete". A runF other than nil runs instead of it.
func newCmdDelete(f *cmdutil.Factory, runF func(context.Context, *deleteOptions) error) *cobra.Command {
	opts := &deleteOptions{}
	cmd := &cobra.Command{
		Use:   "delete [<registry>/]<token>",
		Short: "Delete a token with its passwords",
		Long: "Delete a token with its passwords. What it may do is shown first. Its scope map stays;\n" +
			"with --with-scope-map it is deleted too, unless another token uses it or it is the\nservice's own.",
		Example: "$ acrkit token delete myregistry/ci-pull\n\n# What \"acrkit token create\" has made, in a script\n" +
			"$ acrkit token delete ci-pull --with-scope-map --yes",
		Args: cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
				return err
			}
			opts.now = f.Now()
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
	look, err := opts.look(ctx, r)
	if err != nil {
		return explain(err)
	}
	agreed, err := opts.Agree(ctx, look.effect)
	if err != nil || !agreed {
		return err
	}
	err = opts.Unchanged("delete the "+rights.Token(look.token.Name), viewToken(&opts.Change), look.effect,
		func() (rights.Effect, error) {
			look, err = opts.look(ctx, r)
			return look.effect, err
		})
	if err != nil {
		return explain(err)
	}
	if err := r.DeleteToken(ctx, look.token); err != nil {
		return explain(err)
	}
	cmdutil.Say(opts.IO.ErrOut, "Deleted the %s.", rights.Token(look.token.Name))
	if !look.withMap {
		return nil
	}
	if err := r.DeleteScopeMap(ctx, look.scopeMap); err != nil {
		return halfDone(explain(err), opts.Registry,
			"the token was deleted, and the "+rights.ScopeMap(look.scopeMap.Name)+" was not",
			opts.deleteMap(look.scopeMap.Name))
	}
	cmdutil.Say(opts.IO.ErrOut, "Deleted the %s.", rights.ScopeMap(look.scopeMap.Name))
	return nil
}

// look is what a deletion changes, by what is there.
type look struct {
	token    manage.Token
	scopeMap manage.ScopeMap
	withMap  bool // the scope map is deleted, too
	effect   rights.Effect
}

func (opts *deleteOptions) look(ctx context.Context, r *manage.Registry) (l look, err error) {
	if l.token, l.scopeMap, err = tokenWithMap(ctx, r, opts.Name); err != nil {
		return l, err
	}
	l.effect = rights.Effect{What: rights.ScopeMap(l.token.ScopeMap), Before: l.scopeMap.Actions,
		Tokens: []string{l.token.Name}, Always: true, Question: "Delete the " + rights.Token(l.token.Name) + "?"}
	if !l.token.Enabled {
		l.effect.Notes = append(l.effect.Notes, "The token is disabled.")
	}
	for _, p := range l.token.Passwords {
		l.effect.Notes = append(l.effect.Notes, "Deleted with it: "+passwordText(p, opts.now)+", made "+
			cmdutil.Time(p.Created)+".")
	}
	var note string
	l.withMap, note, err = opts.mapStays(ctx, r, l)
	l.effect.Notes = append(l.effect.Notes, note, liveOn)
	return l, err
}

// mapStays reports whether the scope map is deleted, too, and says what becomes of it.
func (opts *deleteOptions) mapStays(ctx context.Context, r *manage.Registry, l look) (withMap bool, note string,
	err error) {
	switch {
	case l.scopeMap.Name == "":
		return false, "There is no scope map of this name: the token has no rights.", nil
	case l.scopeMap.System:
		return false, "The scope map stays: it is the service's own.", nil
	}
	tokens, err := rights.TokensOf(ctx, r, l.scopeMap.Name)
	others := slices.DeleteFunc(tokens, func(name string) bool { return name == l.token.Name })
	switch {
	case len(others) > 0:
		return false, "The scope map stays: it is used by " + rights.Tokens(others) + ".", err
	case opts.WithScopeMap:
		return true, "The scope map is deleted, too.", err
	}
	note = "The scope map stays, and no other token uses it. To delete it: " + opts.deleteMap(l.scopeMap.Name)
	return false, note, err
}

// deleteMap is the command that deletes a scope map.
func (opts *deleteOptions) deleteMap(name string) string {
	return sentence.Fix(sentence.DeleteScopeMap, map[string]string{"host": opts.Registry.Host(), "scope_map": name})
}
