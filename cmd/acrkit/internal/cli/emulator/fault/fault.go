// Package fault holds "acrkit emulator fault".
package fault

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

var fields = []string{"id", "kind", "routes", "registry", "principal", "rate", "seed", "count", "status", "retryAfter",
	"afterBytes", "bytesPerSecond", "seen", "hits"}

// NewCmdFault returns "emulator fault" with its verbs.
func NewCmdFault(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "fault <command>",
		Short: "Make requests to a running emulator fail",
		Long: "Make requests to a running emulator fail: throttled, refused, cut off, slow or never\n" +
			"answered. A fault hits all requests that it matches, or a part of them, chosen by a\n" +
			"sequence that the same --seed repeats. A restart ends all faults.",
	})
	c := target.AddFlags(cmd, f)
	cmd.AddCommand(newCmdAdd(c), newCmdList(c), newCmdRemove(c))
	return cmd
}
