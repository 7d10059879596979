package contenttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// File returns the file of a digest's content in the folder of a [Setup].
func File(dir, digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return filepath.Join(dir, "blobs", algorithm, hex[:2], hex)
}

// Flip turns one bit of a file around, at a byte counted from its beginning, or
// from its end where at is negative. The file's times are others then: some
// systems count them in steps of milliseconds.
func Flip(t testing.TB, path string, at int) {
	t.Helper()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	for after := before; after.ModTime().Equal(before.ModTime()); {
		if err := os.WriteFile(path, b, 0o600); err != nil { //nolint:gosec // the test names the file
			t.Fatal(err)
		}
		if after, err = os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
}
