package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/shell"
)

// The modes of the folder and of what is in it: nothing for group and others.
const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
	othersMask fs.FileMode = 0o077
)

// How long a process waits for the lock, which others hold while they write the
// file and talk to the keychain: longer than the keychain may take.
const (
	lockWait  = keychainWait + 10*time.Second
	lockPause = 10 * time.Millisecond // between two tries, at first
	maxPause  = 200 * time.Millisecond
)

// disk is what is done to files while one is replaced; tests make it fail.
type disk struct {
	write   func(f *os.File, data []byte) error
	sync    func(f *os.File) error
	rename  func(in *os.Root, from, to string) error
	syncDir func(in *os.Root) error
}

func realDisk() disk {
	return disk{
		write:   func(f *os.File, data []byte) error { _, err := f.Write(data); return err },
		sync:    (*os.File).Sync,
		rename:  (*os.Root).Rename,
		syncDir: syncDir,
	}
}

// syncDir makes a rename durable, where the system can.
func syncDir(in *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil // it syncs no folders
	}
	d, err := in.Open(".")
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // nor do some file systems
	}
	return errors.Join(err, d.Close())
}

// refusal is the error for a file or folder that is not used as it is.
func refusal(path, why, hint string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use the store of logins", Reason: path + " " + why, Hint: hint}
}

func failure(op string, err error) error {
	// The paths in these errors are ours; none holds a secret.
	e := &acrkit.Error{Op: op, Causes: []error{err}}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		e.Reason, e.Hint = "the disk is full; what was stored before is unchanged", "df -h ."
	}
	return e
}

const opRead = "read the store of logins"

// openFolder opens the folder, or returns fs.ErrNotExist. Everything else then
// happens inside of what was opened and checked, whatever its path comes to mean.
func (s *Store) openFolder() (_ *os.Root, err error) {
	info, err := os.Lstat(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, failure(opRead, err)
	case info.Mode()&fs.ModeSymlink != 0:
		hint := "export " + EnvDir + "=DIR"
		if to, err := filepath.EvalSymlinks(s.dir); err == nil {
			hint = "export " + EnvDir + "=" + shell.Quote(to)
		}
		return nil, refusal(s.dir, "is a symbolic link; name the folder itself", hint)
	case !info.IsDir():
		return nil, refusal(s.dir, "is no folder", "export "+EnvDir+"=DIR")
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, failure(opRead, err)
	}
	defer func() {
		if err != nil {
			root.Close() // nothing was written
		}
	}()
	opened, err := root.Stat(".")
	if err != nil {
		return nil, failure(opRead, err)
	}
	if !os.SameFile(info, opened) {
		return nil, refusal(s.dir, "was replaced while it was opened", "ls -ld "+shell.Quote(s.dir))
	}
	return root, private(s.dir, opened, folderMode)
}

// private refuses what others may read or write, or own.
func private(path string, info fs.FileInfo, want fs.FileMode) error {
	if uid, ok := foreignOwner(info); ok {
		return refusal(path, fmt.Sprintf("belongs to another user (%d)", uid), "export "+EnvDir+"=DIR")
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&othersMask != 0 {
		return refusal(path, fmt.Sprintf("can be read or written by others (mode %04o)", info.Mode().Perm()), fmt.Sprintf("chmod %o %s", want, shell.Quote(path)))
	}
	return nil
}

// makeFolder makes the folder and what is missing above it, for the owner alone.
func (s *Store) makeFolder() error {
	if err := os.MkdirAll(filepath.Dir(s.dir), folderMode); err != nil {
		return err
	}
	err := os.Mkdir(s.dir, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(s.dir, folderMode) // an umask can have taken the owner's own bits
}

// openIn opens a file of the folder that is a regular one, and private.
func (s *Store) openIn(root *os.Root, name string, flag int) (_ *os.File, err error) {
	path := filepath.Join(s.dir, name)
	info, err := root.Lstat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		what := "is no regular file"
		if info.Mode()&fs.ModeSymlink != 0 {
			what = "is a symbolic link"
		}
		return nil, refusal(path, what, "ls -l "+shell.Quote(path))
	case err != nil && (!errors.Is(err, fs.ErrNotExist) || flag&os.O_CREATE == 0):
		return nil, err
	}
	f, err := root.OpenFile(name, flag, fileMode)
	if errors.Is(err, fs.ErrPermission) {
		if info, serr := root.Lstat(name); serr == nil {
			if uid, ok := foreignOwner(info); ok {
				return nil, refusal(path, fmt.Sprintf("belongs to another user (%d)", uid), "export "+EnvDir+"=DIR")
			}
		}
		return nil, refusal(path, "cannot be opened", fmt.Sprintf("chmod %o %s", fileMode, shell.Quote(path)))
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
		// Replaced by another process just now; what was opened is looked at for itself.
		if !opened.Mode().IsRegular() {
			return nil, refusal(path, "is no regular file", "ls -l "+shell.Quote(path))
		}
	}
	return f, private(path, opened, fileMode)
}

// read returns what the file holds. No file is an empty one.
func (s *Store) read() (file, error) {
	if s.noDir != nil {
		return file{}, nil
	}
	root, err := s.openFolder()
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, nil
	}
	if err != nil {
		return file{}, err
	}
	defer root.Close()
	return s.readIn(root)
}

func (s *Store) readIn(root *os.Root) (file, error) {
	f, err := s.openIn(root, fileName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, nil
	}
	if _, ours := errors.AsType[*acrkit.Error](err); err != nil && !ours {
		err = failure(opRead, err)
	}
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return file{}, failure(opRead, err)
	}
	parsed, err := parse(data)
	path := filepath.Join(s.dir, fileName)
	switch {
	case errors.Is(err, errNewer):
		return file{}, &acrkit.Error{Op: opRead, Reason: "a newer acrkit wrote " + path, Causes: []error{err}, Hint: "acrkit version    # and get a newer one, or another folder with " + EnvDir}
	case err != nil:
		return file{}, &acrkit.Error{Op: opRead, Reason: path + " is damaged: " + err.Error(), Causes: []error{err},
			Hint: fmt.Sprintf("mv %s %s    # it is kept, and you log in again", shell.Quote(path), shell.Quote(path+".damaged"))}
	}
	return parsed, nil
}

// replace writes the file: another one beside it, synced and renamed over it, so
// that a crash or a full disk leaves the old one. The lock is held, so the other
// one's name can be the same always, and what a crash left of it is removed.
func (s *Store) replace(root *os.Root, data []byte) (err error) {
	if err := root.Remove(newName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(newName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(newName) // the first error is the one to tell
		}
	}()
	if runtime.GOOS != "windows" {
		err = f.Chmod(fileMode) // an umask can have taken the owner's own bits
	}
	if err == nil {
		err = s.disk.write(f, data)
	}
	if err == nil {
		err = s.disk.sync(f)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = s.disk.rename(root, newName, fileName)
	}
	if err != nil {
		return err
	}
	if err := s.disk.syncDir(root); err != nil {
		return fmt.Errorf("it is stored, but may be lost if the machine stops now: %w", err)
	}
	return nil
}

// lock takes the lock of the folder. Closing the file gives it back, as does the
// end of the process. The file stays: to remove it would let two processes hold
// locks on two files of one name.
func (s *Store) lock(ctx context.Context, root *os.Root, op string) (*os.File, error) {
	f, err := s.openIn(root, lockName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(lockWait)
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
			err = &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op, Reason: fmt.Sprintf("another acrkit has been changing the store of logins for %s", lockWait),
				Hint: "ps -ef | grep acrkit    # it may be waiting for the keychain"}
		}
		next.Stop()
		return nil, errors.Join(err, f.Close())
	}
}
