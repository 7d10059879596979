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
	t, m, err := tokenWithMap(ctx, r, opts.Name)
	if err != nil {
		return explain(err)
	}
	if t.Enabled == opts.Enable {
		cmdutil.Say(opts.IO.ErrOut, "The %s is %s already; nothing was changed.", rights.Token(t.Name), statusOf(t))
		return nil
	}
	effect := rights.Effect{What: rights.ScopeMap(m.Name), Tokens: []string{t.Name}, Question: "Enable it?"}
	done := "Enabled"
	if opts.Enable {
		effect.After = m.Actions
		if len(t.Passwords) == 0 {
			effect.Notes = []string{"The token has no password yet, so it cannot be used."}
		}
	} else {
		effect.Before, effect.Notes, done = m.Actions, []string{liveOn}, "Disabled"
	}
	if agreed, err := opts.Agree(ctx, effect); err != nil || !agreed {
		return err
	}
	if err := r.UpdateToken(ctx, t, manage.TokenChange{Enabled: &opts.Enable}); err != nil {
		return explain(err)
	}
	cmdutil.Say(opts.IO.ErrOut, "%s the %s.", done, rights.Token(t.Name))
	return nil
}
