// Package clitest helps to test commands: how arguments and flags become options, which
// fields --json has, and what a line prints.
package clitest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// Factory returns a factory over buffers, with an environment of its own.
func Factory(env map[string]string) *cmdutil.Factory {
	s, _, _, _ := iostreams.Test()
	return &cmdutil.Factory{IO: s, Now: time.Now, LookupEnv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	},
		Global: cmdutil.Global{NoCache: true}} // the cache of who runs the tests is not theirs
}

// Split splits a line into words at spaces. What [shell.Quote] has quoted is one
// word: the path of a temporary folder may hold spaces.
func Split(line string) []string {
	var words []string
	var word strings.Builder
	inWord, quoted, escaped := false, false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\'':
			quoted, inWord = !quoted, true
		case quoted:
			word.WriteRune(r)
		case r == '\\':
			escaped, inWord = true, true
		case r != ' ':
			word.WriteRune(r)
			inWord = true
		case inWord:
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// Execute runs cmd with a line of arguments, split by [Split].
func Execute(t *testing.T, cmd *cobra.Command, line string) error {
	t.Helper()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(cmdutil.FlagError)
	cmd.SetArgs(Split(line))
	return cmd.ExecuteContext(t.Context())
}

// Run runs a line of arguments, split by [Split], in an environment of its own. root is
// NewCmdRoot of package root, which this package cannot import.
func Run(t *testing.T, root func(*cmdutil.Factory) *cobra.Command, env map[string]string,
	line string) (code int, stdout, stderr string) {
	t.Helper()
	f := Factory(env)
	var out, errOut bytes.Buffer
	f.IO.Out, f.IO.ErrOut = &out, &errOut
	cmd := root(f)
	cmd.SetArgs(Split(line))
	ran, err := cmd.ExecuteContextC(t.Context())
	cmdutil.PrintError(f.IO, ran.CommandPath(), err)
	return cmdutil.ExitCode(err), out.String(), errOut.String()
}

// WrongUsage checks that the line is wrong usage, and that the message says so
// with the given words.
func WrongUsage(t *testing.T, cmd *cobra.Command, line, words string) {
	t.Helper()
	err := Execute(t, cmd, line)
	if cmdutil.ExitCode(err) != cmdutil.ExitUsage || !strings.Contains(err.Error(), words) {
		t.Errorf("%s %s: %v, want wrong usage with %q", cmd.Name(), line, err, words)
	}
}

// JSONFields compares the fields of --json with a literal list of the test, so that no
// field is added or removed by accident.
func JSONFields(t *testing.T, cmd *cobra.Command, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, cmdutil.JSONFields(cmd)); diff != "" {
		t.Errorf("%s --json: %s", cmd.Name(), diff)
	}
}
