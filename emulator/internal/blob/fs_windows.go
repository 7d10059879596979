package blob

import (
	"errors"

	"golang.org/x/sys/windows"
)

func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// cannotSyncDir forgives everything: Windows syncs no folders.
func cannotSyncDir(error) bool { return true }
