//go:build unix

package emulator_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
)

// A file with secrets that others can read or write, or that another user owns, is
// refused when the folder is opened again: its keys may be known.
func TestSecretsOfOthers(t *testing.T) {
	for _, name := range []string{"control-api.key", "state/keys.json", "state/mark", "state/registry.db",
		"state/registry.db-wal", "state/registry.db-shm"} {
		for how, damage := range map[string]func(path string) error{
			"mode":  func(path string) error { return os.Chmod(path, 0o666) },
			"group": func(path string) error { return os.Chmod(path, 0o640) },
			"owner": func(path string) error { return os.Chown(path, 12345, -1) },
		} {
			t.Run(filepath.Base(name)+"_"+how, func(t *testing.T) {
				if how == "owner" && os.Geteuid() != 0 {
					t.Skip("only root gives files away")
				}
				dir := folder(t, "killed")
				path := filepath.Join(dir, filepath.FromSlash(name))
				must(t, damage(path))
				e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
				if err == nil {
					must(t, e.Close())
				}
				said, _ := errors.AsType[*acrkit.Error](err)
				if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), path+" ") ||
					!strings.Contains(said.Hint, path) {
					t.Fatalf("got %v", err)
				}
				must(t, os.Chmod(path, 0o600))
				if how == "owner" {
					must(t, os.Chown(path, os.Geteuid(), -1))
				}
				e, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
				must(t, err)
				must(t, e.Close())
			})
		}
	}
}
