// Package folderlock lets one emulator at a time use a data folder.
package folderlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// Name is the lock file's name in the folder.
const Name = "lock"

// Lock is held on a data folder until closed, or until the process ends.
type Lock struct {
	dir  string
	held []*os.File
}

// Take takes the folder's lock, by a file, and fails at once if another process,
// or another emulator in this one, has it. All versions and all systems know this
// lock; what it protects is to be held by [Lock.Hold] too.
func Take(dir string) (*Lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, Name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	l := &Lock{dir: dir}
	return l, l.add(f, lockFile(f))
}

// Hold locks a private folder itself, for as long as the lock: on Unix, the lock
// file can be removed while it is held, and the next process would lock another file
// of that name, but the folder cannot be replaced without its content. Windows does
// not remove a file that is open, and some network file systems lock no folders:
// there the file is the only lock. After an error the lock is to be closed.
func (l *Lock) Hold(folder string) error {
	f, err := lockDir(folder)
	//rule:folder-lock-hold
	if f == nil {
		return err
	}
	return l.add(f, err)
}

// errHeld says that another has the lock.
var errHeld = errors.New("the lock is held")

// add keeps a file whose lock was taken, or closes it where err says why not.
func (l *Lock) add(f *os.File, err error) error {
	if err == nil {
		l.held = append(l.held, f)
		return nil
	}
	_ = f.Close() // nothing was written
	if errors.Is(err, errHeld) {
		return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: fmt.Sprintf("use the data folder %q", l.dir),
			Reason: "another emulator is using it", Hint: sentence.Fix(sentence.StopOther, nil)}
	}
	return err
}

// Close releases the lock. The file stays, for the next.
func (l *Lock) Close() error {
	var errs []error
	for _, f := range l.held {
		errs = append(errs, f.Close())
	}
	l.held = nil
	return errors.Join(errs...)
}
