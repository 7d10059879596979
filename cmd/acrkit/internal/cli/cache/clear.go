package cache

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

func newCmdClear(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "clear [<registry>]",
		Short: "Forget the tokens that are kept",
		Long: "Forget the tokens that are kept, for one registry or for all. Without a registry the key\nof this " +
			"installation goes too. They are good at the registry until they end.",
		Example: "$ acrkit cache clear\n$ acrkit cache clear myregistry",
		Args:    cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			registry := ""
			if len(args) > 0 {
				reg, err := acrkit.ParseRegistry(args[0])
				if err != nil {
					return err
				}
				registry = reg.LoginServer().Host()
			}
			c, err := f.TokenCache()
			if err != nil {
				return err
			}
			n, err := c.Clear(cmd.Context(), registry)
			if err != nil {
				return err
			}
			cmdutil.Say(f.IO.ErrOut, "Tokens removed: %d.", n)
			return nil
		},
	}
}
