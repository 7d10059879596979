package cmdutil

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/stall"
)

// timeoutGrace is how long after --timeout a command may take to end by itself. One
// that waits for input, or for a reader of its output, does not.
//
//rule:timeout-timeout-grace
const timeoutGrace = 2 * time.Second

// errTimeout is the cause of a context that --timeout ended.
var errTimeout = errors.New("the time of --timeout is over")

// timeout is --timeout of one run of the command.
type timeout struct {
	after   time.Duration
	command string          // its path
	ctx     context.Context //nolint:containedctx // it is asked at the end
	end     context.CancelFunc
	overdue chan struct{}
}

// The ways of a command with --timeout, as an annotation; without one, it bounds
// the whole command.
const (
	timeoutAnnotation = "timeout"
	timeoutOfStart    = "start" // the command calls Factory.Limit by itself
	timeoutRefused    = "refused"
)

// TimeoutOfStart says of a command that --timeout bounds what it does before it
// waits for others; the command calls [Factory.Limit] for that.
func TimeoutOfStart(cmd *cobra.Command) { annotate(cmd, timeoutAnnotation, timeoutOfStart) }

// RefuseTimeout says of a command that it takes no --timeout.
func RefuseTimeout(cmd *cobra.Command) { annotate(cmd, timeoutAnnotation, timeoutRefused) }

// StartTimeout begins the time of --timeout for a command that is about to run.
func (f *Factory) StartTimeout(cmd *cobra.Command) error {
	f.running = cmd.CommandPath()
	switch way := cmd.Annotations[timeoutAnnotation]; {
	case f.Global.Timeout < 0:
		return Usage("--timeout %s is less than 0", f.Global.Timeout)
	case f.Global.Timeout > 0 && way == timeoutRefused:
		return Usage("%s runs until it is interrupted, and takes no --timeout", cmd.CommandPath())
	case way != timeoutOfStart:
		ctx, _ := f.Limit(cmd.Context())
		cmd.SetContext(ctx)
	}
	return nil
}

// Limit returns a context that ends with the time of --timeout, and a function that
// removes the limit when the limited part is done. Without --timeout it is ctx.
func (f *Factory) Limit(ctx context.Context) (context.Context, func()) {
	after := f.Global.Timeout
	if after == 0 || f.limit == nil {
		return ctx, func() {}
	}
	//rule:timeout-limit
	ctx, cancel := context.WithTimeoutCause(ctx, after, errTimeout)
	t := &timeout{after: after, command: f.running, ctx: ctx, overdue: make(chan struct{})}
	timer := time.AfterFunc(after+timeoutGrace, func() { close(t.overdue) })
	t.end = func() {
		timer.Stop()
		cancel()
	}
	select {
	case f.limit <- t:
	default: // one is enough
	}
	return ctx, t.end
}

// RunLimited runs the command, for no longer than --timeout. If the command does not
// end then, RunLimited returns while it still runs, and the process should end.
func (f *Factory) RunLimited(run func() (*cobra.Command, error)) (*cobra.Command, error) {
	type result struct {
		cmd *cobra.Command
		err error
	}
	f.limit = make(chan *timeout, 1)
	done := make(chan result, 1)
	go func() {
		cmd, err := run()
		done <- result{cmd, err}
	}()
	select {
	case r := <-done:
		select {
		case t := <-f.limit:
			defer t.end()
			return r.cmd, t.explain(r.err)
		default:
			return r.cmd, r.err
		}
	case t := <-f.limit:
		defer t.end()
		select {
		case r := <-done:
			return r.cmd, t.explain(r.err)
		case <-t.overdue:
			return nil, t.explain(errTimeout)
		}
	}
}

// explain returns the error of a command whose time was over; any other error it returns
// unchanged.
func (t *timeout) explain(err error) error {
	if err == nil || HasOwnCode(err) || !errors.Is(context.Cause(t.ctx), errTimeout) {
		return err
	}
	out := &acrkit.Error{Code: acrkit.CodeUnavailable, Op: fmt.Sprintf("finish %q", t.command)}
	reason := fmt.Sprintf("it was not done within the %s of --timeout", t.after)
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		out.Op = cmp.Or(e.Op, out.Op)
		out.Registry, out.Method, out.URL, out.Hint, out.Cause = e.Registry, e.Method, e.URL, e.Hint, e.Cause
		if _, waited := errors.AsType[*stall.Error](err); waited && e.Reason != "" {
			reason += "; at last, " + e.Reason
		}
	}
	out.Reason = reason
	if err != errTimeout { //nolint:errorlint // the very value
		out.Errs = []error{err}
	}
	return out
}
