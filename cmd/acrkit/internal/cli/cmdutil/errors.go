package cmdutil

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/visible"
)

// The exit codes. `acrkit help exit-codes` prints their meaning.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitNotAuth     = 3
	ExitRefused     = 4
	ExitNotFound    = 5
	ExitUnavailable = 6
	ExitIncomplete  = 7
	ExitFound       = 8 // a check found something to fix
	ExitInterrupted = 130
)

// ErrInterrupted is the cause of a context that ended by a signal.
var ErrInterrupted = errors.New("interrupted")

// exitStatus is the error of a command that ran another one, with its exit code.
type exitStatus struct {
	code int
	err  error // nil if the other command printed its own error
}

// Exit returns an error that ends the process with the code of the command that
// it ran, and prints nothing.
func Exit(code int) error { return &exitStatus{code: code} }

// ExitWith returns err with an exit code of its own.
func ExitWith(code int, err error) error { return &exitStatus{code, err} }

func (e *exitStatus) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitStatus) Unwrap() error { return e.err }

// HasOwnCode reports whether the exit code is another command's.
func HasOwnCode(err error) bool {
	_, ok := errors.AsType[*exitStatus](err)
	return ok
}

// ExitCode is the one switch from an error to an exit code.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[*exitStatus](err); ok {
		return e.code
	}
	if errors.Is(err, ErrInterrupted) {
		return ExitInterrupted
	}
	switch acrkit.CodeOf(err) {
	case acrkit.CodeUsage, acrkit.CodeHostRefused:
		return ExitUsage
	case acrkit.CodeCredentialMissing, acrkit.CodeCredentialRejected:
		return ExitNotAuth
	case acrkit.CodeInsufficientScope, acrkit.CodeDenied, acrkit.CodeLocked:
		return ExitRefused
	case acrkit.CodeNotFound:
		return ExitNotFound
	case acrkit.CodeUnavailable, acrkit.CodeTLS, acrkit.CodeThrottled:
		return ExitUnavailable
	case acrkit.CodeIncomplete:
		return ExitIncomplete
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitFailed
}

// Usage returns an error for wrong usage: exit code 2. Its hint names the help of
// the command where PrintError is given one.
func Usage(format string, a ...any) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Reason: fmt.Sprintf(format, a...)}
}

// PrintError writes the error of a command as text: one line that ends with the code of
// its cause, an empty line, and one command that fixes it or shows more.
func PrintError(s *iostreams.IOStreams, command string, err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*exitStatus](err); ok && e.err == nil {
		return
	}
	if errors.Is(err, ErrInterrupted) {
		fmt.Fprintln(s.ErrOut, "acrkit: interrupted")
		return
	}
	code := cmp.Or(acrkit.CauseOf(err), acrkit.Code("").Cause())
	line := oneLine(err.Error())
	if code != "" {
		line += " [" + string(code) + "]"
	}
	fmt.Fprintf(s.ErrOut, "%s %s\n", s.StyledErr(iostreams.Failure, "acrkit:"), line)
	if hint := nextCommand(command, code, err); hint != "" {
		fmt.Fprintf(s.ErrOut, "\ntry: %s\n", hint)
	}
}

// nextCommand returns the command that fixes the error, else one that shows more.
func nextCommand(command string, code acrkit.Cause, err error) string {
	if hint := acrkit.HintOf(err); hint != "" {
		return hint
	}
	switch {
	case acrkit.CodeOf(err) == acrkit.CodeUsage && command != "":
		return sentence.Fix(sentence.ShowHelpOf, map[string]string{"command": command})
	case code != "":
		return sentence.Fix(sentence.ExplainCode, map[string]string{"code": string(code)})
	}
	return ""
}

// oneLine joins the lines of a message, so that a server's text cannot look like a line
// of acrkit.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = visible.Line(strings.TrimSpace(lines[i]))
	}
	return strings.Join(lines, "; ")
}

// Say writes a line about the progress to w.
func Say(w io.Writer, format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }
