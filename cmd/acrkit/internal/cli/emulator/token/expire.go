package token

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdExpire(c *target.Target) *cobra.Command {
	var name, at string
	cmd := &cobra.Command{
		Use: "expire <name>", Short: "Let a token's passwords expire",
		Long: "Let a token's passwords expire, now or at another time. Access tokens that were issued\nfor them " +
			"stay valid until they expire.",
		Example: "$ acrkit emulator token expire ci-pull\n$ acrkit emulator token expire ci-pull --name password1 " +
			"--at 10m",
		Args: cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: c.Complete(target.TokenNames),
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			ctx := cmd.Context()
			when, err := target.Time(ctx, cl, at)
			if err != nil {
				return err
			}
			t, err := cl.Token(ctx, c.Registry(), args[0])
			if err != nil {
				return err
			}
			names := []string{name}
			if name == "" {
				names = nil
				for _, x := range t.Passwords {
					names = append(names, x.Name)
				}
			}
			for _, n := range names {
				if _, err := cl.ExpirePassword(ctx, c.Registry(), args[0], n, when); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmdutil.EnumFlag(cmd, &name, "name", "", "only this password", "password1", "password2")
	cmd.Flags().StringVar(&at, "at", "", "`time`, or duration from now (default: now)")
	return cmd
}
