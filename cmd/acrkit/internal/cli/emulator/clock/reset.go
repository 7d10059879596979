package clock

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdReset(c *target.Target) *cobra.Command {
	return plainVerb(c, &cobra.Command{
		Use: "reset", Short: "Go back to the machine's time",
		Long:    "Go back to the machine's time. Tokens that were issued later than that are not good yet.",
		Example: "$ acrkit emulator clock reset",
	}, func(ctx context.Context, cl *control.Client) (control.Clock, error) { return cl.ResetClock(ctx) })
}
