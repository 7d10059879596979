package emulator

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

var (
	tokenFields    = []string{"name", "scopeMap", "status", "created", "passwords"}
	passwordFields = []string{"name", "value", "created", "expires"}
)

// newCmdToken returns "emulator token" with its verbs.
func newCmdToken(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "token <command>",
		Short: "Make and change tokens of a running emulator",
		Long: "Make and change scope-mapped tokens of a running emulator, and their passwords. A\n" +
			"change holds from the next request on. --registry names another registry than the first.",
	})
	c := addControlFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	one := func(use, short, long, example string, do func(ctx context.Context, cl *control.Client, name string) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cmdutil.ExactArgs(1, "a token's name"),
			ValidArgsFunction: c.complete(tokenNames),
			RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
				return do(cmd.Context(), cl, args[0])
			})}
	}
	set := func(status control.Status) func(context.Context, *control.Client, string) error {
		return func(ctx context.Context, cl *control.Client, name string) error {
			_, err := cl.ChangeToken(ctx, c.registry(), name, control.TokenChange{Status: &status})
			return err
		}
	}
	remove := func(ctx context.Context, cl *control.Client, name string) error {
		return cl.DeleteToken(ctx, c.registry(), name)
	}
	cmd.AddCommand(newCmdTokenList(c), newCmdTokenCreate(c), newCmdTokenPassword(c), newCmdTokenExpire(c),
		one("disable <name>", "Disable a token", "Disable a token. Access tokens that it has are refused at once.", "$ acrkit emulator token disable ci-pull", set(control.Disabled)),
		one("enable <name>", "Enable a token", "Enable a token that was disabled.", "$ acrkit emulator token enable ci-pull", set(control.Enabled)),
		one("delete <name>", "Delete a token", "Delete a token with its passwords.", "$ acrkit emulator token delete ci-pull", remove))
	return cmd
}

// expiry reads --expires: a time, or a duration from the emulator's time; "" = never.
func expiry(ctx context.Context, cl *control.Client, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}, cmdutil.Usage("%q is neither a time such as 2030-01-01T00:00:00Z nor a duration such as 90m", text)
	}
	clock, err := cl.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return clock.Now.Add(d), nil
}
