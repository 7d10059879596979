package seed

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
)

func TestNewCmdSeed(t *testing.T) {
	clitest.WrongUsage(t, newCmdCheck(clitest.Factory(nil), nil), "", "needs a seed file")
	clitest.WrongUsage(t, newCmdInit(clitest.Factory(nil), nil), "a b", "at most 1")
	for line, want := range map[string]string{"": "seed.yaml", "-": "-", "--schema": "seed.schema.json", "--schema x": "x"} {
		var got *initOptions
		cmd := newCmdInit(clitest.Factory(nil), func(_ context.Context, opts *initOptions) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, line); err != nil || got.File != want {
			t.Errorf("%q: %v, %+v", line, err, got)
		}
	}
}

// TestRead: every bad seed is wrong usage, one that is too large too.
func TestRead(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"too large":  "#" + strings.Repeat(" ", seed.MaxSize),
		"zero token": "registries: [{name: myregistry, tokens: [{name: 00000000-0000-0000-0000-000000000000, scopeMap: _repositories_pull}]}]",
	} {
		_, err := Read("-", strings.NewReader(text), nil)
		if cmdutil.ExitCode(err) != cmdutil.ExitUsage || !strings.HasPrefix(err.Error(), `cannot read the seed "-": `) {
			t.Errorf("%s: %v (%d)", name, err, cmdutil.ExitCode(err))
		}
	}
}

func TestSeedInit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed.yaml")
	run := func(line string) error { return clitest.Execute(t, newCmdInit(clitest.Factory(nil), nil), line) }
	if err := run(shell.Quote(file)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v: it holds passwords", info.Mode(), err)
	}
	if err := run(shell.Quote(file)); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
		t.Errorf("second time: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run("--force " + shell.Quote(file)); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("overwritten: %v, %v: it holds passwords", info.Mode(), err)
	}
	if err := run("--force " + os.DevNull); err != nil {
		t.Errorf("what is no file: %v", err)
	}
	if err := clitest.Execute(t, newCmdCheck(clitest.Factory(nil), nil), shell.Quote(file)); err != nil {
		t.Errorf("the example is not good: %v", err)
	}
}
