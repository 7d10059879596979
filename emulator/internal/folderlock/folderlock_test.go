package folderlock_test

import (
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/folderlock"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	l, err := folderlock.Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folderlock.Take(dir); acrkit.CodeOf(err) != acrkit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = folderlock.Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
