package private

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// The modes of the folder and of what is in it: nothing for group and others.
const (
	//rule:cache-files-folder-mode
	folderMode fs.FileMode = 0o700
	//rule:file-modes-file-mode
	fileMode fs.FileMode = 0o600
	//rule:cache-files-others-mask
	othersMask fs.FileMode = 0o077
)

// How long a process waits between two tries to take a lock.
const (
	lockPause = 10 * time.Millisecond // at first
	maxPause  = 200 * time.Millisecond
)

// Folder is a folder of files with secrets, for its owner alone. Opening refuses
// one that others may read or write, and files in it likewise; what is written is
// replaced whole.
type Folder struct {
	Path string // absolute
	What string // what it is, in messages: "the store of logins"
	Env  string // the variable that names another one; "" = there is none
	Disk Disk
}

// refusal is the error for a file or folder that is not used as it is.
func (d *Folder) refusal(path, why, hint string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use " + d.What, Reason: path + " " + why, Hint: hint}
}

// Failure makes the error for a failure of the disk.
func Failure(op string, err error) error {
	// The paths in these errors are ours; none holds a secret.
	e := &acrkit.Error{Op: op, Errs: []error{err}}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		e.Reason, e.Hint = "the disk is full; what was stored before is unchanged", sentence.Fix(sentence.ShowRoom, nil)
	}
	return e
}

func (d *Folder) opRead() string { return "read " + d.What }

// Open opens the folder, or returns fs.ErrNotExist. Everything else then
// happens inside the folder that was opened and checked, even if its path is
// replaced.
func (d *Folder) Open() (_ *os.Root, err error) {
	info, err := os.Lstat(d.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, Failure(d.opRead(), err)
	case info.Mode()&fs.ModeSymlink != 0:
		hint := "export " + d.Env + "=DIR"
		if to, err := filepath.EvalSymlinks(d.Path); err == nil {
			hint = "export " + d.Env + "=" + shell.Quote(to)
		}
		return nil, d.refusal(d.Path, "is a symbolic link; name the folder itself", hint)
	case !info.IsDir():
		return nil, d.refusal(d.Path, "is no folder", "export "+d.Env+"=DIR")
	}
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, Failure(d.opRead(), err)
	}
	defer func() {
		if err != nil {
			root.Close() // nothing was written
		}
	}()
	opened, err := root.Stat(".")
	if err != nil {
		return nil, Failure(d.opRead(), err)
	}
	if !os.SameFile(info, opened) {
		return nil, d.refusal(d.Path, "was replaced while it was opened",
			sentence.Fix(sentence.ListFolder, map[string]string{"dir": shell.Quote(d.Path)}))
	}
	//rule:cache-files-open
	return root, d.check(d.Path, opened, folderMode)
}

// foreign is the refusal of a file of another user, who may know its content. If no
// variable can name another folder, the hint is to change the file's owner.
func (d *Folder) foreign(path string, uid uint32) error {
	hint := "export " + d.Env + "=DIR"
	if d.Env == "" {
		hint = `sudo chown "$(id -u)" ` + shell.Quote(path) + "    # if you trust what that user wrote"
	}
	return d.refusal(path, fmt.Sprintf("belongs to another user (%d)", uid), hint)
}

// check refuses what others may read or write, or own.
func (d *Folder) check(path string, info fs.FileInfo, want fs.FileMode) error {
	//rule:cache-files-check
	if uid, ok := foreignOwner(info); ok {
		return d.foreign(path, uid)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&othersMask != 0 {
		return d.refusal(path, fmt.Sprintf("can be read or written by others (mode %04o)", info.Mode().Perm()),
			fmt.Sprintf("chmod %o %s", want, shell.Quote(path)))
	}
	return nil
}

// Make makes the folder and what is missing above it, for the owner alone.
func (d *Folder) Make() error {
	if err := os.MkdirAll(filepath.Dir(d.Path), folderMode); err != nil {
		return err
	}
	err := os.Mkdir(d.Path, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(d.Path, folderMode) // an umask can have taken the owner's own bits
}

// OpenIn opens a file of the folder that is a regular one, and private.
func (d *Folder) OpenIn(root *os.Root, name string, flag int) (_ *os.File, err error) {
	path := filepath.Join(d.Path, name)
	info, err := root.Lstat(name)
	switch {
	//rule:cache-files-open-in-2
	case err == nil && !info.Mode().IsRegular():
		what := "is no regular file"
		if info.Mode()&fs.ModeSymlink != 0 {
			what = "is a symbolic link"
		}
		return nil, d.refusal(path, what, sentence.Fix(sentence.ListFile, map[string]string{"file": shell.Quote(path)}))
	case err != nil && (!errors.Is(err, fs.ErrNotExist) || flag&os.O_CREATE == 0):
		return nil, err
	}
	f, err := root.OpenFile(name, flag, fileMode)
	if errors.Is(err, fs.ErrPermission) {
		if info, serr := root.Lstat(name); serr == nil {
			if uid, ok := foreignOwner(info); ok {
				return nil, d.foreign(path, uid)
			}
		}
		return nil, d.refusal(path, "cannot be opened", fmt.Sprintf("chmod %o %s", fileMode, shell.Quote(path)))
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close() // nothing was written
		}
	}()
	opened, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info != nil && !os.SameFile(info, opened) {
		// Another process has just replaced it; the file that was opened is checked.
		if !opened.Mode().IsRegular() {
			return nil, d.refusal(path, "is no regular file",
				sentence.Fix(sentence.ListFile, map[string]string{"file": shell.Quote(path)}))
		}
	}
	//rule:cache-files-open-in
	return f, d.check(path, opened, fileMode)
}

// Replace writes a file as [Disk.WriteFile] does, by way of a file named temp. No
// other process may use that name meanwhile; a file of that name that a crash left
// is removed.
func (d *Folder) Replace(root *os.Root, name, temp string, data []byte) error {
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.Disk.replace(root, name, temp, data, fileMode)
}

// ErrLocked says that the wait for a lock has ended without it.
var ErrLocked = errors.New("another process holds the lock")

// Lock takes the lock of a file of the folder, and waits for it at most the given
// time. Closing the file releases it, as does the end of the process.
// The file stays: to remove it would let two processes hold locks on two files of
// one name.
func (d *Folder) Lock(ctx context.Context, root *os.Root, name string, wait time.Duration) (*os.File, error) {
	f, err := d.OpenIn(root, name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for pause := lockPause; ; pause = min(2*pause, maxPause) {
		err := lockFile(f)
		if err == nil {
			return f, nil
		}
		if !isLocked(err) {
			return nil, errors.Join(err, f.Close())
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-timeout.C:
			err = ErrLocked
		}
		next.Stop()
		return nil, errors.Join(err, f.Close())
	}
}
