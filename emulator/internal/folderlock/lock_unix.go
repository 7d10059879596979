//go:build unix

package folderlock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

// lockDir locks a folder, and returns it with the lock's error; none where the file
// system locks no folders. NFS locks only what is open for writing, which a folder
// cannot be, and answers EBADF.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = lockFile(f)
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOLCK) ||
		errors.Is(err, errors.ErrUnsupported) {
		return nil, f.Close()
	}
	return f, err
}
