package blob

import (
	"io"
	"io/fs"
	"os"

	"github.com/acrkit/acrkit/internal/private"
)

// FS is the part of the file system that the disk store uses, as a seam for
// tests that let it fail.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	SyncDir(name string) error
}

// File is an open file of an [FS].
type File interface {
	io.ReadSeekCloser
	io.Writer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// OS is the operating system's file system.
type OS struct{}

// OpenFile calls [os.OpenFile].
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not a nil *os.File in an interface
	}
	return f, nil
}

// Mkdir calls [os.Mkdir].
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Rename calls [os.Rename].
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove calls [os.Remove].
func (OS) Remove(name string) error { return os.Remove(name) }

// ReadDir calls [os.ReadDir].
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat calls [os.Stat].
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// SyncDir makes the entries of a folder durable, where the system can.
func (OS) SyncDir(name string) error { return private.SyncDir(name) }
