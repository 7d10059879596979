// Package log holds "acrkit emulator log".
package log

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/internal/clock"
	"github.com/acrkit/acrkit/internal/visible"
)

// options are what "emulator log" needs.
type options struct {
	IO       *iostreams.IOStreams
	Exporter *cmdutil.Exporter

	Denied     bool
	Explain    bool
	Follow     bool
	Outcome    string
	Repository string
	Identity   string
	Since      string
}

// Times of following.
const (
	//rule:control-times-reconnect-time
	reconnectTime = 15 * time.Second // how long an emulator may be away, to be started again
	reconnectStep = 200 * time.Millisecond
)

// NewCmdLog returns "emulator log".
func NewCmdLog(f *cmdutil.Factory) *cobra.Command {
	opts := &options{IO: f.IO}
	cmd := &cobra.Command{
		Use: "log", Short: "Show who was allowed and refused what, and why",
		Long: "Show the decision log of a running emulator: who asked for what, whether it was allowed,\n" +
			"and which rule or missing right decided. It has reasons that answers must not contain,\n" +
			"such as that a password has expired.\n\n" +
			"The log keeps the last 100,000 decisions, for 90 days; a note says how many were\n" +
			"dropped. With --follow it continues until it is interrupted or the emulator ends, also\n" +
			"over a brief restart of the emulator; --json then writes one object for each line. A\n" +
			"change of the emulator's clock changes the times of later decisions, not their order.",
		Example: "# Why was I refused?\n$ acrkit emulator log --denied --explain --since 10m\n\n" +
			"# Refusals as they come, for another program\n$ acrkit emulator log --denied --follow --json " +
			"time,principal,required,missing,reason",
		Args: cmdutil.NoArgs,
	}
	c := target.AddFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	flags := cmd.Flags()
	flags.BoolVar(&opts.Denied, "denied", false, "refusals only; the same as --outcome denied")
	flags.BoolVar(&opts.Explain, "explain", false,
		"say the rule of each refusal, and its cause with its code, as acrkit explain does")
	flags.BoolVarP(&opts.Follow, "follow", "f", false, "continue with new decisions")
	cmdutil.EnumFlag(cmd, &opts.Outcome, "outcome", "", "decisions of one outcome only", "allowed", "denied",
		"challenged", "faulted")
	flags.StringVar(&opts.Repository, "repository", "", "decisions about this `repository` only")
	flags.StringVar(&opts.Identity, "identity", "", "those of this `token`, client id or admin user only")
	cmdutil.CompleteNameFlag(cmd, "identity", c.Names(target.TokenNames))
	flags.StringVar(&opts.Since, "since", "", "those since a `time`, or of the last duration such as 10m")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, decisionFields)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if opts.Denied && opts.Outcome != "" && opts.Outcome != "denied" {
			return cmdutil.Usage("--denied and --outcome %s exclude each other", opts.Outcome)
		}
		if opts.Denied {
			opts.Outcome = "denied"
		}
		cl, err := c.Open()
		if err != nil {
			return err
		}
		return opts.run(cmd.Context(), cl, c.Registry())
	}
	return cmd
}

func (opts *options) run(ctx context.Context, cl *control.Client, registry string) error {
	q := control.DecisionQuery{Registry: registry, Repository: opts.Repository,
		Principal: opts.Identity, Outcome: opts.Outcome}
	if opts.Since != "" {
		since := opts.Since
		if d, err := time.ParseDuration(since); err == nil {
			since = (-d).String()
		}
		var err error
		if q.Since, err = target.Time(ctx, cl, since); err != nil {
			return err
		}
	}
	if opts.Follow {
		return opts.follow(ctx, cl, q)
	}
	items := func(yield func(decisionJSON, error) bool) {
		for more := true; more; {
			p, err := cl.Decisions(ctx, q)
			if err != nil {
				yield(decisionJSON{}, err)
				return
			}
			opts.dropped(p.Dropped)
			for _, d := range p.Decisions {
				if !yield(decisionOf(d), nil) {
					return
				}
			}
			q.After, more = p.Last, p.More
		}
	}
	row, header := decisionJSON.row, []string{"TIME", "OUTCOME", "WHO", "REQUEST", "REQUIRED", "REASON"}
	if opts.Explain {
		row, header = decisionJSON.explainedRow,
			[]string{"TIME", "OUTCOME", "WHO", "REQUEST", "REQUIRED", "RULE", "CAUSE"}
	}
	if opts.IO.IsStdoutTTY() {
		row = withShortTime(row, time.Now())
	}
	_, err := cmdutil.PrintList(ctx, opts.IO, opts.Exporter, items, header, row, func(d decisionJSON) decisionJSON {
		return d
	})
	return err
}

func (opts *options) dropped(n int64) {
	if n > 0 {
		cmdutil.Say(opts.IO.ErrOut, "%d earlier decisions are not kept", n)
	}
}

// follow asks for the decisions after the last one that was shown, so that none is lost
// or shown twice after an interruption.
func (opts *options) follow(ctx context.Context, cl *control.Client, q control.DecisionQuery) error {
	q.Wait = control.FollowWait
	lost := time.Time{} // since when the emulator is away
	for {
		p, err := cl.Decisions(ctx, q)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case acrkit.CodeOf(err) == acrkit.CodeUnavailable && (q.After > 0 || !lost.IsZero()):
			if lost.IsZero() {
				lost = time.Now()
				cmdutil.Say(opts.IO.ErrOut, "the emulator does not answer; waiting for it")
			}
			if time.Since(lost) > reconnectTime {
				return err
			}
			if err := clock.Sleep(ctx, reconnectStep); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		lost = time.Time{}
		opts.dropped(p.Dropped)
		for _, d := range p.Decisions {
			if err := opts.show(ctx, decisionOf(d)); err != nil {
				return err
			}
		}
		q.After = p.Last
		if p.Ending && !p.More {
			cmdutil.Say(opts.IO.ErrOut, "the emulator has ended")
			return nil
		}
	}
}

// show writes one decision at once: as a line, or an object a line.
func (opts *options) show(ctx context.Context, d decisionJSON) error {
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, d)
	}
	line := ""
	row := d.row()
	if opts.Explain {
		row = d.explainedRow()
	}
	for i, cell := range row {
		if i > 0 {
			line += "\t"
		}
		line += visible.Line(cell)
	}
	_, err := fmt.Fprintln(opts.IO.Out, line)
	return err
}
