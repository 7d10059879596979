package target

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/emulator/control"
)

// TestReadLimits: what is read of a data folder has a limit; a file of just that size is
// not refused for it.
func TestReadLimits(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, n int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+strings.Repeat(" ", n-len(text))),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n, refused := range map[int]bool{4 << 10: false, 4<<10 + 1: true} {
		write(control.KeyFile, "key", n)
		c := &Target{Factory: clitest.Factory(nil), DataDir: dir, Addr: "127.0.0.1:1"}
		if _, err := c.Open(); (acrkit.CodeOf(err) == acrkit.CodeTooLarge) != refused || !refused && err != nil {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
	for n, refused := range map[int]bool{1 << 20: false, 1<<20 + 1: true} {
		write(ConnectionFile, `{"loginServer":"localhost:1"}`, n)
		if _, err := ReadConnection(dir); (err != nil) != refused {
			t.Errorf("a connection file of %d bytes: %v", n, err)
		}
	}
}
