package snapshot

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdCreate(c *target.Target) *cobra.Command {
	return &cobra.Command{
		Use: "create <name>", Short: "Take a snapshot",
		Long: "Take a snapshot. Clients go on meanwhile.", Example: "$ acrkit emulator snapshot create before-purge",
		Args: cmdutil.ExactArgs(1, "a name"),
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			_, err := cl.TakeSnapshot(cmd.Context(), args[0])
			return err
		})}
}
