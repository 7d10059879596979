package scopemap

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdSet(c *target.Target) *cobra.Command {
	return &cobra.Command{
		Use: "set <name> <action>...", Short: "Make or replace a scope map",
		ValidArgsFunction: c.Complete(target.ScopeMapNames),
		Long:              "Make or replace a scope map. It then grants only the actions that are named.",
		Example: "# The token keeps its name and password, and may only read now\n$ acrkit emulator " +
			"scope-map set ci-push repositories/samples/app/content/read",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cmdutil.Usage("%q needs a name and at least one action", cmd.CommandPath())
			}
			cl, err := c.Open()
			if err != nil {
				return err
			}
			_, err = cl.PutScopeMap(cmd.Context(), c.Registry(), args[0], control.NewScopeMap{Actions: args[1:]})
			return err
		},
	}
}
