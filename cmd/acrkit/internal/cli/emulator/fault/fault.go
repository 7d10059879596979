// Package fault holds "acrkit emulator fault".
package fault

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

var fields = []string{"id", "kind", "routes", "registry", "principal", "rate", "seed", "count", "status", "retryAfter", "afterBytes", "bytesPerSecond", "seen", "hits"}

// NewCmdFault returns "emulator fault" with its verbs.
func NewCmdFault(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "fault <command>",
		Short: "Let requests to a running emulator go wrong",
		Long: "Let requests to a running emulator go wrong: throttled, refused, failed, cut off, slow\n" +
			"or never answered; some of them, by a sequence that repeats with its seed, or all.\n" +
			"A restart ends all faults.",
	})
	c := target.AddFlags(cmd, f)
	cmd.AddCommand(newCmdAdd(c), newCmdList(c), newCmdRemove(c))
	return cmd
}
