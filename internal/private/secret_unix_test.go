//go:build unix

package private_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
)

// A secret that others could read or write is not used, and the error says how to
// go on.
func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret's.key")
	if _, ok, err := private.ReadSecret(path); ok || err != nil {
		t.Errorf("no file: %v %v", ok, err)
	}
	if err := private.CheckSecret(path); err != nil {
		t.Errorf("no file: %v", err)
	}
	if _, err := private.OpenSecret(path, os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	f, err := private.OpenSecret(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("secret"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	refused := func(name, why, hint string) {
		t.Helper()
		data, ok, err := private.ReadSecret(path)
		e, _ := errors.AsType[*acrkit.Error](err)
		if ok || len(data) > 0 || acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), why) ||
			!strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %v %v %v", name, ok, err, e)
		}
		if err := private.CheckSecret(path); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%s, checked: %v", name, err)
		}
	}
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if data, ok, err := private.ReadSecret(path); err != nil || !ok || string(data) != "secret" {
			t.Errorf("mode %04o: %q %v %v", mode, data, ok, err)
		}
	}
	for _, mode := range []fs.FileMode{0o666, 0o640, 0o604, 0o620, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		refused(mode.String(), "can be read or written by others", "chmod 600 '"+filepath.Dir(path))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // only root gives files away; TestFolder_foreign_owner has the rule for others
		if err := os.Chown(path, 12345, -1); err != nil {
			t.Fatal(err)
		}
		refused("another's", "belongs to another user (12345)", `sudo chown "$(id -u)" `)
		if err := os.Chown(path, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, make([]byte, private.MaxFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, ok, err := private.ReadSecret(path); err != nil || !ok || len(data) != private.MaxFile {
		t.Errorf("as large as may be: %d %v %v", len(data), ok, err)
	}
	if err := os.Truncate(path, private.MaxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := private.ReadSecret(path); ok || err == nil {
		t.Error("a file over the limit was read")
	}
	other := path + ".other"
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	refused("a link", "is a symbolic link", "ls -l")
}
