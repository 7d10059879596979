// Package change runs the commands that change repositories, tags and manifests: deletes,
// which ask first, and locks. A command takes several references of one registry, and
// lists what became of each.
package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// Status says what became of a reference.
type Status string

// The statuses. They are in --json, and keep their meaning.
const (
	Deleted     Status = "deleted"
	WouldDelete Status = "would be deleted" // --dry-run
	Locked      Status = "locked"
	WouldLock   Status = "would be locked" // --dry-run
	Unlocked    Status = "unlocked"
	WouldUnlock Status = "would be unlocked" // --dry-run
	Unchanged   Status = "unchanged"         // it was as it should be
	Failed      Status = "failed"
	NotTried    Status = "not tried" // the command ended before
	NotKnown    Status = "not known" // the change was sent, and neither its answer came nor another look
)

// Result is what became of a reference.
type Result struct {
	Reference string `json:"reference"`
	Status    Status `json:"status"`
	Error     string `json:"error"` // "" = none
}

// references reads the arguments of a command: one or more, of one registry, each once.
// check refuses what names no such thing.
func references(f *cmdutil.Factory, args []string, check func(acrkit.Reference) error) ([]acrkit.Reference, error) {
	var refs []acrkit.Reference
	for _, arg := range args {
		ref, err := f.Reference(arg)
		if err != nil {
			return nil, err
		}
		if err := check(ref); err != nil {
			return nil, err
		}
		if len(refs) > 0 && ref.Registry != refs[0].Registry {
			return nil, cmdutil.Usage("%s and %s are registries of their own; name those of one registry only",
				refs[0].Registry.Host(), ref.Registry.Host())
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// run is one run of a command over its references.
type run struct {
	io      *iostreams.IOStreams
	conn    *cmdutil.Connection
	command string // its path
	several bool
	errs    []error
}

// failed explains the error of the item that the run is about, and notes it. Of several
// references it is printed at once, so that none is lost.
func (r *run) failed(ctx context.Context, err error) error {
	if ctx.Err() == nil { // an error after an interrupt has one explanation
		err = cmdutil.Explain(ctx, r.conn, err)
		if r.several {
			cmdutil.PrintError(r.io, r.command, err)
		}
	}
	r.errs = append(r.errs, err)
	return err
}

// about says which item the connection's errors are about.
func (r *run) about(ref acrkit.Reference) { r.conn.Repository, r.conn.Target = ref.Name, ref.Target() }

// end returns the error of the command: that of its one reference, or the worst exit code
// of those that were printed.
func (r *run) end(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(r.errs) == 0:
		return nil
	case !r.several:
		return r.errs[0]
	}
	worst := 0
	for _, err := range r.errs {
		worst = max(worst, slices.Index(severity, cmdutil.ExitCode(err)))
	}
	return cmdutil.Exit(severity[worst])
}

// severity lists the exit codes of failures, the least severe first: not found, may succeed
// later, incomplete, needs a right, needs a change by the user.
var severity = []int{cmdutil.ExitNotFound, cmdutil.ExitUnavailable, cmdutil.ExitIncomplete, cmdutil.ExitRefused,
	cmdutil.ExitNotAuth, cmdutil.ExitUsage, cmdutil.ExitFailed}

// statusOf returns the status of a change that failed with err. What is there afterwards
// decides, if it can be read: again is the error of reading it, or nil.
func statusOf(ctx context.Context, err, again error) Status {
	switch {
	case ctx.Err() != nil, unanswered(ctx, err) && again != nil:
		return NotKnown
	}
	return Failed
}

// statusUnsent returns the status of a reference for which no change was sent.
func statusUnsent(ctx context.Context) Status {
	if ctx.Err() != nil {
		return NotTried
	}
	return Failed
}

// unanswered reports whether a change may have been made although it failed: the answer
// did not come, or is a failure of the server.
func unanswered(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errors.Is(err, acrkit.CodeUnavailable)
}

// message is an error in a result.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// maxNamed is how many names are written into a sentence.
const maxNamed = 10

// Names writes names into a sentence: "a, b and 3 more".
func Names(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// Count writes a number of things: "1 tag", "2 tags".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
