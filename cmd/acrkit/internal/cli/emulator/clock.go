package emulator

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

var clockFields = []string{"now", "frozen", "offset"}

// newCmdClock returns "emulator clock" with its verbs.
func newCmdClock(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "clock <command>",
		Short: "Stop, set and move the clock of a running emulator",
		Long: "Stop, set and move the clock of a running emulator. Tokens, passwords and secrets\n" +
			"expire by it; certificates do not. A restart brings the machine's time back.",
	})
	c := addControlFlags(cmd, f)
	type change func(ctx context.Context, cl *control.Client) (control.Clock, error)
	add := func(use, short, long, example string, args cobra.PositionalArgs, read func(args []string) (change, error)) {
		var exporter *cmdutil.Exporter
		verb := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				do, err := read(args)
				if err != nil {
					return err
				}
				cl, err := c.open()
				if err != nil {
					return err
				}
				clock, err := do(cmd.Context(), cl)
				if err != nil {
					return err
				}
				return c.printClock(cmd.Context(), exporter, clock)
			}}
		cmdutil.AddJSONFlags(verb, &exporter, clockFields)
		cmd.AddCommand(verb)
	}
	fixed := func(do change) func([]string) (change, error) {
		return func([]string) (change, error) { return do, nil }
	}
	to := func(in control.ClockChange) change {
		return func(ctx context.Context, cl *control.Client) (control.Clock, error) { return cl.ChangeClock(ctx, in) }
	}
	frozen, running := true, false
	add("show", "Show the time", "Show the emulator's time, whether it is stopped, and its difference from the machine's.",
		"$ acrkit emulator clock show", cmdutil.NoArgs, fixed(func(ctx context.Context, cl *control.Client) (control.Clock, error) {
			return cl.Clock(ctx)
		}))
	add("freeze", "Stop the clock", "Stop the clock at its current time.",
		"$ acrkit emulator clock freeze", cmdutil.NoArgs, fixed(to(control.ClockChange{Frozen: &frozen})))
	add("resume", "Resume the clock", "Resume a stopped clock from its current time.",
		"$ acrkit emulator clock resume", cmdutil.NoArgs, fixed(to(control.ClockChange{Frozen: &running})))
	add("set <time>", "Set the clock", "Set the clock to a time in RFC 3339's form. A stopped clock stays stopped.",
		"$ acrkit emulator clock set 2030-01-01T00:00:00Z", cmdutil.ExactArgs(1, "a time such as 2030-01-01T00:00:00Z"),
		func(args []string) (change, error) {
			t, err := time.Parse(time.RFC3339, args[0])
			if err != nil {
				return nil, cmdutil.Usage("%q is not a time such as 2030-01-01T00:00:00Z", args[0])
			}
			return to(control.ClockChange{Now: &t}), nil
		})
	add("advance <duration>", "Move the clock on", "Move the clock on.",
		"# Every access token has expired\n$ acrkit emulator clock advance 61m", cmdutil.ExactArgs(1, "a duration such as 90m"),
		func(args []string) (change, error) {
			d, err := time.ParseDuration(args[0])
			if err != nil || d <= 0 {
				return nil, cmdutil.Usage("%q is not a duration such as 90m", args[0])
			}
			return func(ctx context.Context, cl *control.Client) (control.Clock, error) { return cl.AdvanceClock(ctx, d) }, nil
		})
	add("reset", "Go back to the machine's time", "Go back to the machine's time. Tokens that were issued later than that are not good yet.",
		"$ acrkit emulator clock reset", cmdutil.NoArgs, fixed(func(ctx context.Context, cl *control.Client) (control.Clock, error) {
			return cl.ResetClock(ctx)
		}))
	return cmd
}

func (c *target) printClock(ctx context.Context, exporter *cmdutil.Exporter, out control.Clock) error {
	if exporter != nil {
		return exporter.Write(ctx, c.factory.IO, out)
	}
	state := "running"
	if out.Frozen {
		state = "frozen"
	}
	offset := out.Offset
	if d, err := time.ParseDuration(offset); err == nil {
		offset = d.Round(time.Millisecond).String() // a clock that was set differs by how long that took
	}
	table := c.factory.IO.NewTable("TIME", "STATE", "OFFSET")
	if err := table.Row(out.Now.Format(time.RFC3339Nano), state, offset); err != nil {
		return err
	}
	return table.Flush()
}
