package clock

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdResume(c *target.Target) *cobra.Command {
	return plainVerb(c, &cobra.Command{
		Use: "resume", Short: "Resume the clock", Long: "Resume a stopped clock from its current time.",
		Example: "$ acrkit emulator clock resume",
	}, to(control.ClockChange{Frozen: new(false)}))
}
