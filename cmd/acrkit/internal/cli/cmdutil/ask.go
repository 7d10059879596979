package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/store"
)

// CanPrompt reports whether there is a user to ask: standard input, output and error are
// all terminals, and the variable CI is not set.
func (f *Factory) CanPrompt() bool {
	return f.IO.IsStdinTTY() && f.IO.IsStdoutTTY() && f.IO.IsStderrTTY() && f.Env("CI") == ""
}

// Ask prints a question on ErrOut and waits for what read returns, or for an interrupt.
// No answer is wrong usage.
func Ask(ctx context.Context, s *iostreams.IOStreams, question string, read func() (string, error)) (string, error) {
	fmt.Fprint(s.ErrOut, question)
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-answers:
		switch {
		case errors.Is(a.err, io.EOF), a.err == nil && a.text == "":
			return "", Usage("nothing was entered")
		case a.err != nil:
			return "", &acrkit.Error{Op: "read from the terminal", Errs: []error{a.err}}
		case len(a.text) > store.MaxSecret:
			return "", &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read from the terminal",
				Reason: fmt.Sprintf("it is longer than %d bytes", store.MaxSecret)}
		}
		return a.text, nil
	}
}

// ReadLine reads a line and not a byte beyond it, which is another question's.
func ReadLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1 && len(line) <= store.MaxSecret:
			line = append(line, b[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// IsYes reports whether an answer agrees.
func IsYes(answer string) bool {
	answer = strings.TrimSpace(answer)
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
}
