package clock

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdShow(c *target.Target) *cobra.Command {
	return plainVerb(c, &cobra.Command{
		Use: "show", Short: "Show the time",
		Long:    "Show the emulator's time, whether it is stopped, and its difference from the machine's.",
		Example: "$ acrkit emulator clock show",
	}, func(ctx context.Context, cl *control.Client) (control.Clock, error) { return cl.Clock(ctx) })
}
