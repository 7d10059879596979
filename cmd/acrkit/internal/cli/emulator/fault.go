package emulator

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

var faultFields = []string{"id", "kind", "routes", "registry", "principal", "rate", "seed", "count", "status", "retryAfter", "afterBytes", "bytesPerSecond", "seen", "hits"}

func words[T ~string](all []T) []string {
	var out []string
	for _, w := range all {
		out = append(out, string(w))
	}
	return out
}

// newCmdFault returns "emulator fault" with its verbs.
func newCmdFault(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "fault <command>",
		Short: "Make requests to a running emulator fail",
		Long: "Make requests to a running emulator fail: throttled, refused, cut off, slow or never\n" +
			"answered. A fault hits all requests that it matches, or a part of them, chosen by a\n" +
			"sequence that the same --seed repeats. A restart ends all faults.",
	})
	c := addControlFlags(cmd, f)
	cmd.AddCommand(newCmdFaultAdd(c), newCmdFaultList(c), newCmdFaultRemove(c))
	return cmd
}
