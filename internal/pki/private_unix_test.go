//go:build unix

package pki_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/pki"
)

// TestPrivate: a key that others can read or write may be known to them, or theirs.
func TestPrivate(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	path := filepath.Join(dir, keyFile)
	for _, mode := range []os.FileMode{0o640, 0o602} {
		must(t, os.Chmod(path, mode))
		_, err := pki.Open(dir, nil)
		e, _ := errors.AsType[*acrkit.Error](err)
		if acrkit.CodeOf(err) != acrkit.CodeUsage ||
			!strings.Contains(err.Error(), path+" can be read or written by others") ||
			!strings.Contains(e.Hint, "chmod 600 ") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	must(t, os.Chmod(path, 0o600))
	if b := open(t, dir); string(a.PEM()) != string(b.PEM()) {
		t.Error("another authority")
	}
}
