// Package child runs another program for the user: it finds the program first, passes
// signals on, and gives it a private folder of logins in the forms of Docker and similar
// clients.
package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// Exit codes of a command that did not start, as shells have them (POSIX, Shell
// Command Language, 2.8.2).
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// LookUp finds the program. Its error ends the command with the exit code that
// shells have for it.
func LookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	return "", notStarted(name, err)
}

// notStarted returns the error of a command that could not be started.
func notStarted(name string, err error) error {
	code, why, hint := exitCannotRun, "it cannot be run: "+lastCause(err), sentence.Fix(sentence.ShowHelp, nil)
	if shell.IsPlain(name) {
		hint = sentence.Fix(sentence.ListFile, map[string]string{"file": name})
		if !strings.ContainsRune(name, os.PathSeparator) {
			hint = sentence.Fix(sentence.FindProgram, map[string]string{"program": name})
		}
	}
	switch {
	case errors.Is(err, exec.ErrDot):
		why = "it is in the current directory only; name it with ./"
	case errors.Is(err, fs.ErrPermission):
		why = "it is no program that this user may run"
	case errors.Is(err, exec.ErrNotFound) && !strings.ContainsRune(name, os.PathSeparator):
		code, why = exitNotFound, "there is no such program in PATH"
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		code, why = exitNotFound, "there is no such program"
	}
	return cmdutil.ExitWith(code, &acrkit.Error{Op: fmt.Sprintf("run %q", name), Reason: why, Hint: hint})
}

func lastCause(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err.Error()
}
