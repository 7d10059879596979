// Package clock holds "acrkit emulator clock".
package clock

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

var fields = []string{"now", "frozen", "offset"}

// NewCmdClock returns "emulator clock" with its verbs.
func NewCmdClock(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "clock <command>",
		Short: "Stop, set and move the clock of a running emulator",
		Long: "Stop, set and move the clock of a running emulator. Tokens, passwords and secrets\n" +
			"expire by it; certificates do not. A restart brings the machine's time back.",
	})
	c := target.AddFlags(cmd, f)
	cmd.AddCommand(newCmdShow(c), newCmdFreeze(c), newCmdResume(c), newCmdSet(c), newCmdAdvance(c), newCmdReset(c))
	return cmd
}

// A change asks an emulator to change its clock, or only for its time.
type change func(ctx context.Context, cl *control.Client) (control.Clock, error)

func to(in control.ClockChange) change {
	return func(ctx context.Context, cl *control.Client) (control.Clock, error) { return cl.ChangeClock(ctx, in) }
}

// verb returns a verb that makes a change and prints the clock. read returns the change
// that the arguments ask for.
func verb(c *target.Target, cmd *cobra.Command, read func(args []string) (change, error)) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		do, err := read(args)
		if err != nil {
			return err
		}
		cl, err := c.Open()
		if err != nil {
			return err
		}
		clock, err := do(cmd.Context(), cl)
		if err != nil {
			return err
		}
		return printClock(cmd.Context(), c, exporter, clock)
	}
	cmdutil.AddJSONFlags(cmd, &exporter, fields)
	return cmd
}

// plainVerb returns a verb without arguments.
func plainVerb(c *target.Target, cmd *cobra.Command, do change) *cobra.Command {
	cmd.Args = cmdutil.NoArgs
	return verb(c, cmd, func([]string) (change, error) { return do, nil })
}

func printClock(ctx context.Context, c *target.Target, exporter *cmdutil.Exporter, out control.Clock) error {
	if exporter != nil {
		return exporter.Write(ctx, c.Factory.IO, out)
	}
	state := "running"
	if out.Frozen {
		state = "frozen"
	}
	offset := out.Offset
	if d, err := time.ParseDuration(offset); err == nil {
		offset = d.Round(time.Millisecond).String() // a clock that was set differs by how long that took
	}
	table := c.Factory.IO.NewTable("TIME", "STATE", "OFFSET")
	if err := table.Row(out.Now.Format(time.RFC3339Nano), state, offset); err != nil {
		return err
	}
	return table.Flush()
}
