package folderlock_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/folderlock"
)

// take takes the lock as an emulator does, with the folder of the state.
func take(dir string) (*folderlock.Lock, error) {
	l, err := folderlock.Take(dir)
	if err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "state")
	if err = os.MkdirAll(state, 0o700); err == nil {
		err = l.Hold(state)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	l, err := take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := take(dir); acrkit.CodeOf(err) != acrkit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// holdFolder makes this test's process one that holds a folder's lock until its
// standard input ends.
const holdFolder = "ACRKIT_TEST_HOLD_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdFolder); dir != "" {
		l, err := take(dir)
		if err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("held\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		if l.Close() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestLock_file_gone: the lock holds against this process and another when its file
// is removed, or another is put in its place.
func TestLock_file_gone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes no file that is open")
	}
	for name, spoil := range map[string]func(path string) error{
		"removed": os.Remove,
		"replaced": func(path string) error {
			if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		for _, where := range []string{"this", "another"} {
			t.Run(name+"_"+where+"_process", func(t *testing.T) {
				dir := t.TempDir()
				release := hold(t, dir, where == "this")
				if err := spoil(filepath.Join(dir, folderlock.Name)); err != nil {
					t.Fatal(err)
				}
				for range 2 { // the second finds the file that the first made
					if l, err := take(dir); acrkit.CodeOf(err) != acrkit.CodeUnavailable {
						t.Errorf("got %v", err)
						if err == nil {
							t.Error(l.Close())
						}
					}
				}
				release()
				l, err := take(dir)
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// hold takes the lock here or in another process.
func hold(t *testing.T, dir string, here bool) (release func()) {
	t.Helper()
	if here {
		l, err := take(dir)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holdFolder+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("held\n"))); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}
