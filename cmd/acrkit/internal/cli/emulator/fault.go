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
		Short: "Let requests to a running emulator go wrong",
		Long: "Let requests to a running emulator go wrong: throttled, refused, failed, cut off, slow\n" +
			"or never answered; some of them, by a sequence that repeats with its seed, or all.\n" +
			"A restart ends all faults.",
	})
	c := addControlFlags(cmd, f)
	cmd.AddCommand(newCmdFaultAdd(c), newCmdFaultList(c), newCmdFaultRemove(c))
	return cmd
}
