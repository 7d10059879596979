package clock

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdSet(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "set <time>", Short: "Set the clock",
		Long:    "Set the clock to a time in RFC 3339's form. A stopped clock stays stopped.",
		Example: "$ acrkit emulator clock set 2030-01-01T00:00:00Z",
		Args:    cmdutil.ExactArgs(1, "a time such as 2030-01-01T00:00:00Z"),
	}, func(args []string) (change, error) {
		t, err := time.Parse(time.RFC3339, args[0])
		if err != nil {
			return nil, cmdutil.Usage("%q is not a time such as 2030-01-01T00:00:00Z", args[0])
		}
		return to(control.ClockChange{Now: &t}), nil
	})
}
