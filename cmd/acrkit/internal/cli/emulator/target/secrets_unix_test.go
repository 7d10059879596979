//go:build unix

package target

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

// Who can write connection.json says where clients send their credentials, and who
// can read the control API's key has the emulator: a command uses neither.
func TestSecretsOfOthers(t *testing.T) {
	dir := t.TempDir()
	if err := (Connection{LoginServer: "localhost:1", CAFile: ""}).Save(dir); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, control.KeyFile)
	if err := os.WriteFile(key, []byte("key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Target{Factory: &cmdutil.Factory{}, DataDir: dir}
	if _, err := c.Open(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ConnectionFile, control.KeyFile} {
		path := filepath.Join(dir, name)
		if err := os.Chmod(path, 0o622); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(); acrkit.CodeOf(err) != acrkit.CodeUsage ||
			!strings.Contains(err.Error(), name+" can be read or written by others") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
