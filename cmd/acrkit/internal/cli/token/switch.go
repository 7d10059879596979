package token

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// switchOptions are what "token disable" and "token enable" need.
type switchOptions struct {
	rights.Change
	Enable bool
}

// liveOn says what a change of a token does not end at once.
const liveOn = "Access tokens that were issued before go on working until they expire, after about an hour."

// parse reads the arguments of a verb.
func (opts *switchOptions) parse(f *cmdutil.Factory, runF func(context.Context, *switchOptions) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		var err error
		if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
			return err
		}
		if runF != nil {
			return runF(cmd.Context(), opts)
		}
		return switchRun(cmd.Context(), opts)
	}
}

func switchRun(ctx context.Context, opts *switchOptions) error {
	if opts.Enable {
		if err := opts.Possible(); err != nil {
			return err
		}
	}
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	explain := func(err error) error { return opts.Explain(ctx, err, sentence.ShowTokens) }
	t, effect, err := opts.effect(ctx, r)
	if err != nil {
		return explain(err)
	}
	if t.Enabled == opts.Enable {
		cmdutil.Say(opts.IO.ErrOut, "The %s is %s already; nothing was changed.", rights.Token(t.Name), statusOf(t))
		return nil
	}
	if agreed, err := opts.Agree(ctx, effect); err != nil || !agreed {
		return err
	}
	verb, done := "disable", "Disabled"
	if opts.Enable {
		verb, done = "enable", "Enabled"
	}
	err = opts.Unchanged(verb+" the "+rights.Token(t.Name), viewToken(&opts.Change), effect,
		func() (now rights.Effect, err error) {
			t, now, err = opts.effect(ctx, r)
			return now, err
		})
	if err != nil {
		return explain(err)
	}
	if err := r.UpdateToken(ctx, t, manage.TokenChange{Enabled: &opts.Enable}); err != nil {
		return explain(err)
	}
	cmdutil.Say(opts.IO.ErrOut, "%s the %s.", done, rights.Token(t.Name))
	return nil
}

// effect reads the token, and returns what its rights become.
func (opts *switchOptions) effect(ctx context.Context, r *manage.Registry) (manage.Token, rights.Effect, error) {
	t, m, err := tokenWithMap(ctx, r, opts.Name)
	effect := rights.Effect{What: rights.ScopeMap(t.ScopeMap), Tokens: []string{t.Name}, Question: "Enable it?"}
	if !opts.Enable {
		effect.Before, effect.Notes = m.Actions, []string{liveOn}
		return t, effect, err
	}
	effect.After = m.Actions
	if len(t.Passwords) == 0 {
		effect.Notes = []string{"The token has no password yet, so it cannot be used."}
	}
	return t, effect, err
}
