package private_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/acrkit/acrkit/internal/private"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "two"} {
		if err := private.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok, err := private.ReadFile(path)
		if err != nil || !ok || string(got) != text {
			t.Errorf("%q %v %v", got, ok, err)
		}
	}
	// A write that fails leaves nothing behind and the old file alone.
	if err := private.WriteFile(filepath.Join(dir, "none", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := private.WriteFile(filepath.Join(dir, "folder"), []byte("x"), 0o600); err == nil {
		t.Error("a folder was overwritten")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v %v", entries, err)
	}
}

// A time that was given is on the file as soon as its new content is.
func TestWriteFile_modified(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	at := time.Date(2020, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	disk := private.FastDisk()
	disk.Modified = at
	disk.Rename = func(in *os.Root, from, to string) error {
		if info, err := in.Stat(from); err != nil || !info.ModTime().Equal(at) {
			t.Errorf("before the rename: %v, %v", info.ModTime(), err)
		}
		return in.Rename(from, to)
	}
	if err := disk.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(at) {
		t.Errorf("%v, %v", info.ModTime(), err)
	}
}

// A disk that fails at any step leaves the old file or the new one, and nothing
// beside it.
func TestWriteFile_failing_disk(t *testing.T) {
	failed := errors.New("failed on purpose")
	for step, tc := range map[string]struct {
		spoil func(*private.Disk)
		want  string
	}{
		"write": {func(d *private.Disk) {
			d.Write = func(f *os.File, data []byte) error {
				_, err := f.Write(data[:1])
				return errors.Join(err, failed)
			}
		}, "old"},
		"sync":   {func(d *private.Disk) { d.Sync = func(*os.File) error { return failed } }, "old"},
		"rename": {func(d *private.Disk) { d.Rename = func(*os.Root, string, string) error { return failed } }, "old"},
		"folder": {func(d *private.Disk) { d.SyncDir = func(*os.Root) error { return failed } }, "new"},
	} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			if err := private.FastDisk().WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			disk := private.RealDisk()
			tc.spoil(&disk)
			if err := disk.WriteFile(path, []byte("new"), 0o600); !errors.Is(err, failed) {
				t.Errorf("got %v", err)
			}
			if got, _, err := private.ReadFile(path); err != nil || string(got) != tc.want {
				t.Errorf("%q %v", got, err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("%v %v", entries, err)
			}
		})
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if _, ok, err := private.ReadFile(path); ok || err != nil {
		t.Errorf("no file: %v %v", ok, err)
	}
	if err := os.WriteFile(path, make([]byte, private.MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := private.ReadFile(path); ok || err == nil {
		t.Error("a file over the limit was read")
	}
}
