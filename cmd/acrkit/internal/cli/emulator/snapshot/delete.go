package snapshot

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdDelete(c *target.Target) *cobra.Command {
	return &cobra.Command{
		Use: "delete <name>", Short: "Delete a snapshot",
		Long: "Delete a snapshot.", Example: "$ acrkit emulator snapshot delete before-purge",
		Args: cmdutil.ExactArgs(1, "a name"), ValidArgsFunction: c.Complete(target.SnapshotNames),
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			return cl.DeleteSnapshot(cmd.Context(), args[0])
		})}
}
