package db

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile opens and locks a file; the lock ends with the file, and with the
// process however it dies.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{}); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: another process has this data folder open: %w", path, err)
	}
	return f, nil
}

// ignoreUnsupported forgives everything: Windows syncs no folders.
func ignoreUnsupported(error) error { return nil }
