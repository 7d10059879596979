// Package token holds "acrkit emulator token".
package token

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

// NewCmdToken returns "emulator token" with its verbs.
func NewCmdToken(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "token <command>",
		Short: "Make and change tokens of a running emulator",
		Long: "Make and change scope-mapped tokens of a running emulator, and their passwords. A\n" +
			"change holds from the next request on. --registry names another registry than the first.",
	})
	c := target.AddFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	cmd.AddCommand(newCmdList(c), newCmdCreate(c), newCmdPassword(c), newCmdExpire(c), newCmdDisable(c),
		newCmdEnable(c),
		newCmdDelete(c))
	return cmd
}

// verb returns a verb that does something with one token.
func verb(c *target.Target, cmd *cobra.Command, do func(ctx context.Context, cl *control.Client,
	name string) error) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = cmdutil.ExactArgs(1, "a token's name"), c.Complete(target.TokenNames)
	cmd.RunE = c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
		return do(cmd.Context(), cl, args[0])
	})
	return cmd
}

// setStatus returns what enables or disables a token.
func setStatus(c *target.Target, status control.Status) func(context.Context, *control.Client, string) error {
	return func(ctx context.Context, cl *control.Client, name string) error {
		_, err := cl.ChangeToken(ctx, c.Registry(), name, control.TokenChange{Status: &status})
		return err
	}
}
