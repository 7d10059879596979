package cmdutil_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// terminal says which streams of a command are terminals.
type terminal struct{ in, out, err, ci bool }

var fullTerminal = terminal{in: true, out: true, err: true}

// confirm runs a command that asks before it changes something. changed says whether it
// came to the change.
func confirm(t *testing.T, at terminal, in io.Reader, line string) (changed bool, said string, err error) {
	t.Helper()
	env := map[string]string{}
	if at.ci {
		env["CI"] = "true"
	}
	f := clitest.Factory(env)
	s, _, _, errOut := iostreams.Test()
	s.SetTTY(at.in, at.out, at.err)
	s.In = in
	f.IO = s
	var c cmdutil.Confirm
	cmd := &cobra.Command{Use: "change", RunE: func(cmd *cobra.Command, _ []string) error {
		if err := c.Possible(); err != nil {
			return err
		}
		if err := c.Ask(cmd.Context(), "Change it?"); err != nil {
			return err
		}
		changed = true
		return nil
	}}
	cmd.Flags().String("name", "", "")
	cmdutil.AddConfirmFlag(cmd, f, &c)
	err = clitest.Execute(t, cmd, line)
	return changed, errOut.String(), err
}

func TestConfirm_answers(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Y\n": true, "yes\r\n": true, " yes \n": true, "y": true,
		"": false, "\n": false, "n\n": false, "no\n": false, "yess\n": false, "ja\n": false, "\ny\n": false} {
		changed, said, err := confirm(t, fullTerminal, strings.NewReader(answer), "")
		code := cmdutil.ExitOK
		if !want {
			code = cmdutil.ExitFailed
		}
		if changed != want || cmdutil.ExitCode(err) != code || !strings.HasPrefix(said, "Change it? [y/N] ") ||
			strings.Contains(said, "Nothing was changed.") == want {
			t.Errorf("%q: changed %t, %v, said %q", answer, changed, err, said)
		}
	}
}

// TestConfirm_terminal: the user is asked only if all streams are terminals, and not in CI.
func TestConfirm_terminal(t *testing.T) {
	for name, tc := range map[string]terminal{
		"stdin is a pipe":  {false, true, true, false},
		"stdout is a pipe": {true, false, true, false},
		"stderr is a file": {true, true, false, false},
		"a terminal in CI": {true, true, true, true},
	} {
		changed, said, err := confirm(t, tc, strings.NewReader("y\n"), "a 'b c' --name x")
		if changed || said != "" || cmdutil.ExitCode(err) != cmdutil.ExitUsage ||
			acrkit.HintOf(err) != "change a 'b c' --name x --yes" {
			t.Errorf("%s: changed %t, %v, said %q, hint %q", name, changed, err, said, acrkit.HintOf(err))
		}
	}
	for _, line := range []string{"--yes", "-y"} {
		changed, said, err := confirm(t, terminal{}, failing{}, line)
		if !changed || said != "" || err != nil {
			t.Errorf("%s: changed %t, %v, said %q", line, changed, err, said)
		}
	}
}

func TestConfirm_broken_terminal(t *testing.T) {
	if changed, _, err := confirm(t, fullTerminal, failing{}, ""); changed || err == nil {
		t.Errorf("changed %t, %v", changed, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

// TestAsk_interrupt: a read from a terminal does not end by itself.
func TestAsk_interrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _, _ := iostreams.Test()
		ctx, cancel := context.WithCancelCause(t.Context())
		release := make(chan struct{})
		time.AfterFunc(time.Second, func() { cancel(cmdutil.ErrInterrupted) })
		_, err := cmdutil.Ask(ctx, s, "? ", func() (string, error) { <-release; return "", nil })
		if cmdutil.ExitCode(err) != cmdutil.ExitInterrupted {
			t.Errorf("got %v", err)
		}
		close(release)
	})
}

func TestReadLine(t *testing.T) {
	if line, err := cmdutil.ReadLine(strings.NewReader("one\ntwo\n")); line != "one" || err != nil {
		t.Errorf("%q %v", line, err)
	}
}
