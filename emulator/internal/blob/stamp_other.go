//go:build !linux && !darwin

package blob

import "io/fs"

// identify returns nothing: here a file is known by its size and the time of its
// last write.
func identify(fs.FileInfo) (changed int64, file uint64) { return 0, 0 }
