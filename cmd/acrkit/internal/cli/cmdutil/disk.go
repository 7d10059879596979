package cmdutil

import (
	"errors"
	"runtime"
	"syscall"
)

// IsDiskFull reports whether there was no space: on the device, in the user's quota, or
// under the process's limit on the size of files.
func IsDiskFull(err error) bool {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, errno) {
			return true
		}
	}
	const errorDiskFull = syscall.Errno(0x70) // of Windows
	return runtime.GOOS == "windows" && errors.Is(err, errorDiskFull)
}
