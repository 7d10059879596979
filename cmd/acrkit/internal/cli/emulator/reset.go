package emulator

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

// newCmdReset returns "emulator reset".
func newCmdReset(f *cmdutil.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reset [<snapshot>]", Short: "Go back to a snapshot, or to the seed",
		Long: "Replace a running emulator's state by a snapshot's, without a name by what it was when its\n" +
			"seed was applied. What was pushed since is gone. Requests under way are waited for, new\n" +
			"ones wait. Faults, the clock and the decision log stay as they are.",
		Example: "$ acrkit emulator reset\n$ acrkit emulator reset before-purge", Args: cmdutil.MaxArgs(1),
	}
	c := target.AddFlags(cmd, f)
	cmd.ValidArgsFunction = c.Complete(target.SnapshotNames)
	cmd.RunE = c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
		return cl.Reset(cmd.Context(), strings.Join(args, ""))
	})
	return cmd
}
