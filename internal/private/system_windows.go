package private

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

func lockFile(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, new(windows.Overlapped))
}

func isLocked(err error) bool { return errors.Is(err, windows.ERROR_LOCK_VIOLATION) }

// foreignOwner reports nothing here: a file's access list, which it inherits from
// the user's profile, decides who may read it.
func foreignOwner(fs.FileInfo) (uint32, bool) { return 0, false }
