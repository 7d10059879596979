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
		Long: "Return a running emulator to a snapshot, or, without a name, to the state after its seed\n" +
			"was applied. Later pushes are gone. Requests under way end first; new ones wait.\n" +
			"Faults, the clock and the decision log stay as they are.",
		Example: "$ acrkit emulator reset\n$ acrkit emulator reset before-purge", Args: cmdutil.MaxArgs(1),
	}
	c := target.AddFlags(cmd, f)
	cmd.ValidArgsFunction = c.Complete(target.SnapshotNames)
	cmd.RunE = c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
		return cl.Reset(cmd.Context(), strings.Join(args, ""))
	})
	return cmd
}
