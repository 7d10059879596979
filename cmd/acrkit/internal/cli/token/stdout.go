package token

import (
	"context"
	"io"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/manage/sink"
)

// stdoutText is the sink that is standard output.
const stdoutText = "-"

// sinkOf reads the value of --to.
func sinkOf(f *cmdutil.Factory, text string) (sink.Sink, error) {
	if text != stdoutText {
		return sink.Parse(text, sinkOptions(f))
	}
	//rule:token-stdout-terminal
	if f.IO.IsStdoutTTY() {
		return nil,
			cmdutil.Usage("a password is not shown on a terminal: with --to -, standard output goes to a file " +
				"or a program")
	}
	return stdout{f.IO.Out}, nil
}

// stdout is the standard output, for the next program of a pipe.
type stdout struct{ w io.Writer }

func (stdout) String() string       { return "standard output" }
func (stdout) Cache() time.Duration { return 0 }

func (stdout) Holds(context.Context, sink.Value) (sink.Held, error) {
	return sink.Held{}, sink.ErrUnreadable
}

// Deliver writes the password and a line feed.
func (s stdout) Deliver(_ context.Context, v sink.Value) error {
	_, err := io.WriteString(s.w, v.Password.Reveal()+"\n")
	return err
}

func (stdout) Verify(context.Context, sink.Value) error { return sink.ErrUnverifiable }
