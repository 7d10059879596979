//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile takes an advisory lock that belongs to the open file, so that two
// users of one process exclude each other as two processes do.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// isLocked reports whether another has the lock; a signal may end the call, too.
func isLocked(err error) bool {
	return errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR)
}

// foreignOwner returns the owner of a file that is not this process's user.
func foreignOwner(info fs.FileInfo) (uid uint32, ok bool) {
	st, isUnix := info.Sys().(*syscall.Stat_t)
	if !isUnix {
		return 0, false
	}
	return st.Uid, int(st.Uid) != os.Geteuid()
}
