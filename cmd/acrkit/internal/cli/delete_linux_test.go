package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// TestDeleteAtATerminal answers the question at a real terminal.
func TestDeleteAtATerminal(t *testing.T) {
	for _, tc := range []struct {
		typed string
		code  int
		there bool // afterwards
	}{{"y\n", cmdutil.ExitOK, false}, {"\n", cmdutil.ExitFailed, true}, {"\x04", cmdutil.ExitFailed, true},
		{"\x03", cmdutil.ExitInterrupted, true}} {
		d := newDesk(t)
		d.Push(repository, "v1", "latest")
		term, program := openTerminal(t)
		cmd := exec.CommandContext(t.Context(), "acrkit", "tag", "delete", "samples/app:v1")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SSL_CERT_FILE=" + d.CAFile(),
			"ACR_NAME=" + d.Host(), "ACR_TOKEN_NAME=" + d.as.Name, "ACR_TOKEN_PASSWORD=" + d.as.Password1,
			"ACRKIT_NO_CACHE=1", "ACRKIT_KEYRING=off", "TERM=xterm", "NO_COLOR=1"}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := program.Close(); err != nil {
			t.Fatal(err)
		}
		term.waitFor("Delete 1 tag on " + d.Host() + "? [y/N] ")
		term.typeIn(tc.typed)
		term.waitFor("")
		err := cmd.Wait()
		code := cmdutil.ExitOK
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		if seen := string(term.seen); code != tc.code || d.hasTag("v1") != tc.there ||
			!strings.Contains(seen, "samples/app:v1: the manifest sha256:") ||
			strings.Contains(seen, "samples/app:v1  deleted\r\n    digest      sha256:") == tc.there {
			t.Errorf("%q: exit code %d, tag there %t: %q", tc.typed, code, d.hasTag("v1"), seen)
		}
	}
}
