package clock

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdFreeze(c *target.Target) *cobra.Command {
	return plainVerb(c, &cobra.Command{
		Use: "freeze", Short: "Stop the clock", Long: "Stop the clock at its current time.",
		Example: "$ acrkit emulator clock freeze",
	}, to(control.ClockChange{Frozen: new(true)}))
}
