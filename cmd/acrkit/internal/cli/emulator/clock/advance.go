package clock

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdAdvance(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "advance <duration>", Short: "Move the clock on", Long: "Move the clock on.",
		Example: "# Every access token has expired\n$ acrkit emulator clock advance 61m",
		Args:    cmdutil.ExactArgs(1, "a duration such as 90m"),
	}, func(args []string) (change, error) {
		d, err := time.ParseDuration(args[0])
		if err != nil || d <= 0 {
			return nil, cmdutil.Usage("%q is not a duration such as 90m", args[0])
		}
		return func(ctx context.Context, cl *control.Client) (control.Clock, error) {
			return cl.AdvanceClock(ctx, d)
		}, nil
	})
}
