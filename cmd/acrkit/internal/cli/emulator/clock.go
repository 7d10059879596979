package emulator

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

var clockFields = []string{"now", "frozen", "offset"}

type clockJSON struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
	Offset string    `json:"offset"`
}

// newCmdClock returns "emulator clock" with its verbs.
func newCmdClock(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "clock <command>",
		Short: "Stop, set and move the clock of a running emulator",
		Long: "Stop, set and move the clock of a running emulator. Tokens, passwords and secrets\n" +
			"expire by it; certificates do not. A restart brings the machine's time back.",
	})
	c := addControlFlags(cmd, f)
	add := func(use, short, long, example string, args cobra.PositionalArgs, method, path string, body func(args []string) (any, error)) {
		var exporter *cmdutil.Exporter
		verb := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				var in any
				if body != nil {
					var err error
					if in, err = body(args); err != nil {
						return err
					}
				}
				return c.clock(cmd.Context(), exporter, method, path, in)
			}}
		cmdutil.AddJSONFlags(verb, &exporter, clockFields)
		cmd.AddCommand(verb)
	}
	frozen := func(v bool) func([]string) (any, error) {
		return func([]string) (any, error) { return map[string]any{"frozen": v}, nil }
	}
	add("show", "Show the time", "Show the emulator's time, whether it is stopped, and its difference from the machine's.",
		"$ acrkit emulator clock show", cmdutil.NoArgs, http.MethodGet, "clock", nil)
	add("freeze", "Stop the clock", "Stop the clock at its current time.",
		"$ acrkit emulator clock freeze", cmdutil.NoArgs, http.MethodPut, "clock", frozen(true))
	add("resume", "Resume the clock", "Resume a stopped clock from its current time.",
		"$ acrkit emulator clock resume", cmdutil.NoArgs, http.MethodPut, "clock", frozen(false))
	add("set <time>", "Set the clock", "Set the clock to a time in RFC 3339's form. A stopped clock stays stopped.",
		"$ acrkit emulator clock set 2030-01-01T00:00:00Z", cmdutil.ExactArgs(1, "a time such as 2030-01-01T00:00:00Z"), http.MethodPut, "clock", func(args []string) (any, error) {
			t, err := time.Parse(time.RFC3339, args[0])
			if err != nil {
				return nil, cmdutil.Usage("%q is not a time such as 2030-01-01T00:00:00Z", args[0])
			}
			return map[string]any{"now": t}, nil
		})
	add("advance <duration>", "Move the clock on", "Move the clock on.",
		"# Every access token has expired\n$ acrkit emulator clock advance 61m", cmdutil.ExactArgs(1, "a duration such as 90m"), http.MethodPost, "clock/advance", func(args []string) (any, error) {
			d, err := time.ParseDuration(args[0])
			if err != nil || d <= 0 {
				return nil, cmdutil.Usage("%q is not a duration such as 90m", args[0])
			}
			return map[string]any{"by": d.String()}, nil
		})
	add("reset", "Go back to the machine's time", "Go back to the machine's time. Tokens that were issued later than that are not good yet.",
		"$ acrkit emulator clock reset", cmdutil.NoArgs, http.MethodDelete, "clock", nil)
	return cmd
}

func (c *control) clock(ctx context.Context, exporter *cmdutil.Exporter, method, path string, in any) error {
	cl, err := c.open()
	if err != nil {
		return err
	}
	var out clockJSON
	if err := cl.call(ctx, method, path, in, &out); err != nil {
		return err
	}
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
