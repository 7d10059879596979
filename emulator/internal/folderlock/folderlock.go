// Package folderlock lets one emulator at a time use a data folder.
package folderlock

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit"
)

// Lock is held on a data folder until closed, or until the process ends.
type Lock struct{ f *os.File }

// Take takes the folder's lock, and fails at once if another process, or
// another emulator in this one, has it.
func Take(dir string) (*Lock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close() // nothing was written
		return nil, &acrkit.Error{Code: acrkit.CodeUnavailable, Op: fmt.Sprintf("use the data folder %q", dir),
			Reason: "another emulator is using it", Hint: "stop that emulator, or name another folder with --data"}
	}
	return &Lock{f}, nil
}

// Close gives the lock back. The file stays: removing it would let two
// processes hold locks on two files of one name.
func (l *Lock) Close() error { return l.f.Close() }
