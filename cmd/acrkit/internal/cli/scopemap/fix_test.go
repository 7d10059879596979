package scopemapcmd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/scopemap"
)

const double = "repositories/a/metadata/read\nrepositories/a/metadata/read\n"

// unavailable ends a test that needs what Windows has not on every machine: links, and
// sockets with names.
func unavailable(t *testing.T, err error) {
	t.Helper()
	if runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	t.Skipf("this machine does not have it: %v", err)
}

// TestFix_replaces: the file keeps its mode, and a link stays a link.
func TestFix_replaces(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "map"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte(double), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("map", link); err != nil {
		unavailable(t, err)
	}
	cmd := newCmdLint(clitest.Factory(nil), nil)
	if err := clitest.Execute(t, cmd, shell.Quote(link)+" --fix --write"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != "repositories/a/metadata/read\n" {
		t.Errorf("%q, %v", data, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFix_replaces_files_only: what is no file stays, here the socket of a program.
func TestFix_replaces_files_only(t *testing.T) {
	dir, err := os.MkdirTemp("", "map") // a socket wants a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		unavailable(t, err)
	}
	defer l.Close()
	if err := replace(socket, "x"); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
		t.Error(err)
	}
	if info, err := os.Lstat(socket); err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFix_tooManyLines: a map that has too many lines only because some are there twice is
// fixed; one with too many rights is not.
func TestFix_tooManyLines(t *testing.T) {
	for n, want := range map[int]int{scopemap.MaxActions: cmdutil.ExitOK, scopemap.MaxActions + 1: cmdutil.ExitFound} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "repositories/a%d/metadata/read\n", i)
		}
		distinct := b.String()
		b.WriteString("repositories/a0/metadata/read\n")
		file := filepath.Join(t.TempDir(), "map")
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := newCmdLint(clitest.Factory(nil), nil)
		if err := clitest.Execute(t, cmd, shell.Quote(file)+" --fix --write"); cmdutil.ExitCode(err) != want {
			t.Errorf("%d rights: %v, want exit code %d", n, err, want)
		}
		if want != cmdutil.ExitOK {
			distinct = b.String()
		}
		if data, err := os.ReadFile(file); err != nil || string(data) != distinct {
			t.Errorf("%d rights: the file has %d bytes, want %d (%v)", n, len(data), len(distinct), err)
		}
	}
}
