package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/wording"
)

const (
	// outputGrace is how long output is read after a program's end; a child of it may hold
	// it open.
	outputGrace = time.Second
	// shownOutput is how many bytes of a failed program's messages an error shows.
	shownOutput = 300
)

// programOutput bounds what a program may print.
var programOutput = limit.Limit{Name: "the output of a program", Bytes: 64 << 10}

// program is a program that takes a secret on its standard input.
type program struct {
	op      string // after "cannot", in errors
	words   []string
	environ func() []string
	time    time.Duration
	secrets []redact.Secret // are not shown if the program prints them
}

// run runs the program to its end and returns its standard output, also with an error.
func (p program) run(ctx context.Context, input string) (string, error) {
	failed := func(code acrkit.Code, reason string) *acrkit.Error {
		e := &acrkit.Error{Code: code, Op: p.op, Reason: reason}
		if shell.IsPlain(p.words[0]) {
			e.Hint = sentence.Fix(sentence.FindProgram, map[string]string{"program": p.words[0]})
		}
		return e
	}
	path, err := exec.LookPath(p.words[0])
	switch {
	case errors.Is(err, exec.ErrDot):
		return "", failed(acrkit.CodeUsage, "the program is in the current directory only; name it with ./")
	case err != nil:
		return "", failed(acrkit.CodeUsage, "there is no such program, or this user may not run it")
	}
	limited, cancel := context.WithTimeout(ctx, p.time)
	defer cancel()
	cmd := exec.CommandContext(limited, path, p.words[1:]...) //nolint:gosec // the program that the user names
	endWithChildren(cmd)
	cmd.WaitDelay = outputGrace
	cmd.Env = p.environ()
	cmd.Stdin = strings.NewReader(input)
	out, errOut := &bounded{passed: cancel}, &bounded{passed: cancel}
	cmd.Stdout, cmd.Stderr = out, errOut
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it succeeded; a child of it still holds the output open
	}
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case out.full() || errOut.full():
		return "", failed(acrkit.CodeTooLarge, fmt.Sprintf("it printed more than %d bytes", programOutput.Bytes))
	case limited.Err() != nil:
		return "", failed(acrkit.CodeUnavailable, fmt.Sprintf("it did not end within %s", p.time))
	case err == nil:
		return out.String(), nil
	}
	reason := "the program cannot be run"
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		reason = "it failed with " + exit.ProcessState.String()
	}
	said := p.said(errOut.String())
	if said != "" {
		reason += " and says: " + said
	}
	e := failed("", reason)
	if said == "" && input == "" { // it can be run by hand, and says why
		e.Hint = sentence.Fix(sentence.RunWithoutOutput, map[string]string{"command": p.command()})
	}
	return out.String(), e
}

// command is the program with its arguments, as a shell takes it.
func (p program) command() string {
	var words []string
	for _, w := range p.words {
		words = append(words, shell.Quote(w))
	}
	return strings.Join(words, " ")
}

// said returns the beginning of a program's messages as one line, without the secrets;
// "" if a secret is not known, as that which a program was to print. The whole is redacted
// before it is cut, so that no part of a secret is left.
func (p program) said(text string) string {
	//rule:sink-program-said
	if p.secrets[0].IsZero() {
		return ""
	}
	return wording.Clip(strings.TrimSpace(redact.Text(text, p.secrets...)), shownOutput)
}

// bounded keeps what is written up to [programOutput], and ends the writer past it.
type bounded struct {
	passed func()

	mu   sync.Mutex
	data bytes.Buffer
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	//rule:sink-program-output
	if err := programOutput.Check(int64(b.data.Len() + len(p))); err != nil {
		b.over = true
		b.passed()
		return 0, err
	}
	return b.data.Write(p)
}

func (b *bounded) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
