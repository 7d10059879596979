package emulator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/visible"
)

// LogOptions are what "emulator log" needs.
type LogOptions struct {
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

var decisionFields = []string{"id", "time", "registry", "kind", "principal", "method", "path", "required", "outcome",
	"missing", "rules", "ruleId", "reason", "requestId", "code", "cause", "fix"}

type decisionJSON struct {
	ID        int64     `json:"id"`
	Time      time.Time `json:"time"`
	Registry  string    `json:"registry"`
	Kind      string    `json:"kind"`
	Principal string    `json:"principal"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Required  string    `json:"required"`
	Outcome   string    `json:"outcome"`
	Missing   string    `json:"missing"`
	Rules     []string  `json:"rules"`
	RuleID    rule.ID   `json:"ruleId"`
	Reason    string    `json:"reason"`
	RequestID string    `json:"requestId"`

	// Of a refusal by a rule, as acrkit explain has them; "" otherwise.
	Code  string `json:"code"`
	Cause string `json:"cause"`
	Fix   string `json:"fix"`
}

// explained says why it was refused. The log has reasons that no answer contains.
func (d decisionJSON) explained() decisionJSON {
	if c, ok := diagnose.Lookup(string(d.RuleID.Cause(d.Kind, d.Required, d.Missing))); ok {
		d.Code, d.Cause, d.Fix = string(c.Code), c.Title, sentence.Draft(fixHere(c.Code), d.facts())
	}
	return d
}

// fixHere returns the fix of a cause at the emulator whose log is read.
func fixHere(c acrkit.Cause) sentence.FixKey {
	key := sentence.AtEmulator(string(c))
	if key == sentence.ExplainLog || key == sentence.ExplainFaults {
		key = sentence.OfCause(string(c)).Fix
	}
	if key.OfAzure() {
		return sentence.Examine
	}
	return key
}

func (d decisionJSON) facts() map[string]string {
	if !shell.IsPlain(d.Principal) {
		return nil
	}
	return map[string]string{"token": d.Principal}
}

// explainedRow returns a row with the rule, and with the cause instead of the log's
// reason.
func (d decisionJSON) explainedRow() []string {
	row := d.row()
	why := row[len(row)-1]
	if d.Code != "" {
		why = d.Code + " " + d.Cause
	}
	id := string(d.RuleID)
	if id == "" {
		id = "-"
		if d.Outcome == emulator.OutcomeDenied {
			id = "unknown" // an earlier version wrote it
		}
	}
	return append(row[:len(row)-1], id, why)
}

func (d decisionJSON) row() []string {
	who := d.Principal
	if who == "" {
		who = "-"
	}
	return []string{d.Time.Format(time.RFC3339), d.Outcome, who, d.Method + " " + d.Path, d.Required, d.Reason}
}

type decisionPage struct {
	Decisions []decisionJSON
	Last      int64
	More      bool
	Dropped   int64
	Ending    bool
}

// check refuses a page with a next page that does not advance.
func (p decisionPage) check(after int64) error {
	if !p.More || p.Last > after {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeProtocol, Op: "read the decision log",
		Reason: "its pages do not go on; the emulator may be of another version"}
}

// Times of following.
const (
	followWait    = 30 * time.Second // for a decision, in one call
	reconnectTime = 15 * time.Second // how long an emulator may be away, to be started again
	reconnectStep = 200 * time.Millisecond
)

func newCmdLog(f *cmdutil.Factory) *cobra.Command {
	opts := &LogOptions{IO: f.IO}
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
			"# Refusals as they come, for another program\n$ acrkit emulator log --denied --follow --json time,principal,required,missing,reason",
		Args: cmdutil.NoArgs,
	}
	c := addControlFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	flags := cmd.Flags()
	flags.BoolVar(&opts.Denied, "denied", false, "refusals only; the same as --outcome denied")
	flags.BoolVar(&opts.Explain, "explain", false, "say the rule of each refusal, and its cause with its code, as acrkit explain does")
	flags.BoolVarP(&opts.Follow, "follow", "f", false, "continue with new decisions")
	cmdutil.EnumFlag(cmd, &opts.Outcome, "outcome", "", "decisions of one outcome only", "allowed", "denied", "challenged", "faulted")
	flags.StringVar(&opts.Repository, "repository", "", "decisions about this `repository` only")
	flags.StringVar(&opts.Identity, "identity", "", "those of this `token`, client id or admin user only")
	flags.StringVar(&opts.Since, "since", "", "those since a `time`, or of the last duration such as 10m")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, decisionFields)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if opts.Denied && opts.Outcome != "" && opts.Outcome != "denied" {
			return cmdutil.Usage("--denied and --outcome %s exclude each other", opts.Outcome)
		}
		if opts.Denied {
			opts.Outcome = "denied"
		}
		cl, err := c.open()
		if err != nil {
			return err
		}
		return opts.run(cmd, cl, c.registry())
	}
	return cmd
}

func (opts *LogOptions) run(cmd *cobra.Command, cl *client, registry string) error {
	ctx := cmd.Context()
	q := url.Values{}
	for name, v := range map[string]string{"registry": registry, "repository": opts.Repository, "principal": opts.Identity, "outcome": opts.Outcome} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if opts.Since != "" {
		since := opts.Since
		if d, err := time.ParseDuration(since); err == nil {
			since = (-d).String()
		}
		t, err := cl.expiry(cmd, since)
		if err != nil {
			return err
		}
		q.Set("since", t.Format(time.RFC3339))
	}
	if opts.Follow {
		return opts.follow(ctx, cl, q)
	}
	items := func(yield func(decisionJSON, error) bool) {
		for after, more := int64(0), true; more; {
			q.Set("after", strconv.FormatInt(after, 10))
			var p decisionPage
			if err := cl.call(ctx, http.MethodGet, "decisions?"+q.Encode(), nil, &p); err != nil {
				yield(decisionJSON{}, err)
				return
			}
			opts.dropped(p.Dropped)
			for _, d := range p.Decisions {
				if !yield(d.explained(), nil) {
					return
				}
			}
			if err := p.check(after); err != nil {
				yield(decisionJSON{}, err)
				return
			}
			after, more = p.Last, p.More
		}
	}
	row, header := decisionJSON.row, []string{"TIME", "OUTCOME", "WHO", "REQUEST", "REQUIRED", "REASON"}
	if opts.Explain {
		row, header = decisionJSON.explainedRow, []string{"TIME", "OUTCOME", "WHO", "REQUEST", "REQUIRED", "RULE", "CAUSE"}
	}
	_, err := cmdutil.PrintList(ctx, opts.IO, opts.Exporter, items, header, row, func(d decisionJSON) decisionJSON { return d })
	return err
}

func (opts *LogOptions) dropped(n int64) {
	if n > 0 {
		cmdutil.Say(opts.IO.ErrOut, "%d earlier decisions are not kept", n)
	}
}

// follow asks for the decisions after the last one that was shown, so that none is lost
// or shown twice after an interruption.
func (opts *LogOptions) follow(ctx context.Context, cl *client, q url.Values) error {
	after := int64(0)
	q.Set("wait", followWait.String())
	lost := time.Time{} // since when the emulator is away
	for {
		q.Set("after", strconv.FormatInt(after, 10))
		var p decisionPage
		err := cl.call(ctx, http.MethodGet, "decisions?"+q.Encode(), nil, &p)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case acrkit.CodeOf(err) == acrkit.CodeUnavailable && (after > 0 || !lost.IsZero()):
			if lost.IsZero() {
				lost = time.Now()
				cmdutil.Say(opts.IO.ErrOut, "the emulator does not answer; waiting for it")
			}
			if time.Since(lost) > reconnectTime {
				return err
			}
			if err := pause(ctx, reconnectStep); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		lost = time.Time{}
		if err := p.check(after); err != nil {
			return err
		}
		opts.dropped(p.Dropped)
		for _, d := range p.Decisions {
			if err := opts.show(ctx, d.explained()); err != nil {
				return err
			}
		}
		after = p.Last
		if p.Ending && !p.More {
			cmdutil.Say(opts.IO.ErrOut, "the emulator has ended")
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// show writes one decision at once: as a line, or an object a line.
func (opts *LogOptions) show(ctx context.Context, d decisionJSON) error {
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
