package token

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

var passwordFields = []string{"name", "value", "created", "expires"}

// passwords makes new passwords of a token and prints them.
func passwords(ctx context.Context, c *target.Target, cl *control.Client, exporter *cmdutil.Exporter, token string,
	in control.NewPasswords) error {
	made, err := cl.GeneratePasswords(ctx, c.Registry(), token, in)
	if err != nil {
		return err
	}
	return cmdutil.PrintAll(ctx, c.Factory.IO, exporter, made, []string{"PASSWORD", "VALUE"},
		func(p control.Password) []string { return []string{p.Name, p.Value} })
}

func newCmdPassword(c *target.Target) *cobra.Command {
	var exporter *cmdutil.Exporter
	var names []string
	var expires string
	cmd := &cobra.Command{
		Use: "password <name>", Short: "Make new passwords of a token",
		Long: "Make new passwords of a token, both or those that --name says, and print name and value\n" +
			"in a line. This is the only time. The old ones are refused from now on.",
		Example: "# Rotate the second password under a running client\n$ acrkit emulator token password ci-pull " +
			"--name password2",
		Args: cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: c.Complete(target.TokenNames),
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			at, err := target.Time(cmd.Context(), cl, expires)
			if err != nil {
				return err
			}
			return passwords(cmd.Context(), c, cl, exporter, args[0], control.NewPasswords{Names: names, Expires: at})
		}),
	}
	cmd.Flags().StringSliceVar(&names, "name", nil, "only this password: password1 or password2")
	cmd.Flags().StringVar(&expires, "expires", "", "`time` or duration after which they expire (default: never)")
	cmdutil.AddJSONFlags(cmd, &exporter, passwordFields)
	return cmd
}
