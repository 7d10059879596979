package blob

import (
	"io/fs"
	"syscall"
)

// identify returns when a file was changed in any way, which no program can set
// back, and its inode.
func identify(info fs.FileInfo) (changed int64, file uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ctim.Nano(), s.Ino
	}
	return 0, 0
}
