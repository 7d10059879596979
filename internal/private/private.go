// Package private writes small files: whole or not at all, durable on request, and
// readable by others only on request.
package private

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Disk has the operations on files that writing one needs; tests make them fail.
type Disk struct {
	Write   func(f *os.File, data []byte) error
	Sync    func(f *os.File) error
	Rename  func(in *os.Root, from, to string) error
	SyncDir func(in *os.Root) error

	// Modified is the modification time of what is written; zero = the time of writing.
	Modified time.Time
}

// RealDisk writes so that what was replaced survives the end of the machine.
func RealDisk() Disk {
	return Disk{
		Write:   func(f *os.File, data []byte) error { _, err := f.Write(data); return err },
		Sync:    (*os.File).Sync,
		Rename:  (*os.Root).Rename,
		SyncDir: func(in *os.Root) error { return syncDir(func() (*os.File, error) { return in.Open(".") }) },
	}
}

// FastDisk does not wait for the disk: for what may be lost with the machine.
func FastDisk() Disk {
	d := RealDisk()
	d.Sync = func(*os.File) error { return nil }
	d.SyncDir = func(*os.Root) error { return nil }
	return d
}

// WriteFile writes a file, on [RealDisk].
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return RealDisk().WriteFile(path, data, mode)
}

// WriteFile writes a file by a temporary one beside it, renamed over it, so that a
// crash or a full disk leaves the old file or the new one.
func (d Disk) WriteFile(path string, data []byte, mode fs.FileMode) error {
	in, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	name := filepath.Base(path)
	err = d.replace(in, name, name+".tmp-"+rand.Text(), data, mode)
	return errors.Join(err, in.Close())
}

// replace writes a whole file of a folder, by way of a file named temp, a name that
// no other process may use meanwhile.
func (d Disk) replace(in *os.Root, name, temp string, data []byte, mode fs.FileMode) (err error) {
	f, err := in.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = in.Remove(temp) // the first error is the one to report
		}
	}()
	if runtime.GOOS != "windows" {
		err = f.Chmod(mode) // an umask can have taken the owner's own bits
	}
	if err == nil {
		err = d.Write(f, data)
	}
	if err == nil {
		err = d.Sync(f)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && !d.Modified.IsZero() {
		err = in.Chtimes(temp, d.Modified, d.Modified)
	}
	if err == nil {
		err = d.Rename(in, temp, name)
	}
	if err != nil {
		return err
	}
	if err := d.SyncDir(in); err != nil {
		return fmt.Errorf("it is stored, but may be lost if the machine stops now: %w", err)
	}
	return nil
}

// SyncDir makes renames in a folder durable, where the system can.
func SyncDir(dir string) error {
	return syncDir(func() (*os.File, error) { return os.Open(dir) })
}

func syncDir(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" {
		return nil // it syncs no folders
	}
	d, err := open()
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // nor do some file systems
	}
	return errors.Join(err, d.Close())
}

// MaxFile is the largest file [ReadFile] and [ReadSecret] read: keys and
// certificates are a few kilobytes.
const MaxFile = 1 << 20

// ReadFile reads a small file. ok is false if there is none. For one that others
// must not read or write, see [ReadSecret].
func ReadFile(path string) (data []byte, ok bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err == nil && info.Size() > MaxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, MaxFile)
	}
	if err != nil {
		return nil, false, err
	}
	data, err = os.ReadFile(path)
	return data, err == nil, err
}
