// Package faultfs is a file system for tests that fails on request, and that can
// crash: what was not synced is then lost.
package faultfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/acrkit/acrkit/emulator/internal/blob"
)

// Op is an operation on the file system.
type Op string

// The operations, in the words of the system calls.
const (
	Open     Op = "open"
	Mkdir    Op = "mkdir"
	Rename   Op = "rename"
	Remove   Op = "remove"
	ReadDir  Op = "readdir"
	Stat     Op = "stat"
	SyncDir  Op = "syncdir"
	Read     Op = "read"
	Write    Op = "write"
	Sync     Op = "sync"
	Truncate Op = "truncate"
)

// ErrCrashed is what every operation answers after [FS.Crash].
var ErrCrashed = errors.New("the machine has crashed")

// FS is a [blob.FS] over the operating system's. Its methods may be called by
// many goroutines.
type FS struct {
	mu      sync.Mutex
	fail    func(op Op, path string) error
	crashed bool
	// What a power cut loses: files with content that was not synced, by the
	// name they have now.
	unsynced map[string]bool
	trace    []string
}

// New returns a file system that works.
func New() *FS { return &FS{unsynced: map[string]bool{}} }

// Fail sets the function that decides on each operation whether it fails, nil
// for never. A failing write stores half of its bytes, as a full disk does.
func (f *FS) Fail(fail func(op Op, path string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// Trace returns the operations since the last call, "op base-name" each, reads
// left out.
func (f *FS) Trace() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.trace
	f.trace = nil
	return t
}

// Crash cuts the power: files lose what was written since their last sync, and
// all that follows fails with [ErrCrashed].
func (f *FS) Crash() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	var errs []error
	for path := range f.unsynced {
		if err := os.Truncate(path, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *FS) check(op Op, path string) error {
	f.mu.Lock()
	if f.crashed {
		f.mu.Unlock()
		return &fs.PathError{Op: string(op), Path: path, Err: ErrCrashed}
	}
	fail := f.fail
	f.mu.Unlock()
	if fail != nil {
		if err := fail(op, path); err != nil {
			return &fs.PathError{Op: string(op), Path: path, Err: err}
		}
	}
	if op != Read && op != Open && op != ReadDir && op != Stat {
		f.mu.Lock()
		f.trace = append(f.trace, string(op)+" "+filepath.Base(path))
		f.mu.Unlock()
	}
	return nil
}

func (f *FS) mark(path string, unsynced bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if unsynced {
		f.unsynced[path] = true
	} else {
		delete(f.unsynced, path)
	}
}

// OpenFile implements [blob.FS].
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (blob.File, error) {
	if err := f.check(Open, name); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &handle{File: file, fs: f, path: name}, nil
}

// Mkdir implements [blob.FS].
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	if err := f.check(Mkdir, name); err != nil {
		return err
	}
	return os.Mkdir(name, perm)
}

// Rename implements [blob.FS].
func (f *FS) Rename(from, to string) error {
	if err := f.check(Rename, from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unsynced[from] {
		delete(f.unsynced, from)
		f.unsynced[to] = true
	} else {
		delete(f.unsynced, to)
	}
	return nil
}

// Remove implements [blob.FS].
func (f *FS) Remove(name string) error {
	if err := f.check(Remove, name); err != nil {
		return err
	}
	f.mark(name, false)
	return os.Remove(name)
}

// ReadDir implements [blob.FS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check(ReadDir, name); err != nil {
		return nil, err
	}
	return os.ReadDir(name)
}

// Stat implements [blob.FS].
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	if err := f.check(Stat, name); err != nil {
		return nil, err
	}
	return os.Stat(name)
}

// SyncDir implements [blob.FS].
func (f *FS) SyncDir(name string) error {
	if err := f.check(SyncDir, name); err != nil {
		return err
	}
	return blob.OS{}.SyncDir(name)
}

type handle struct {
	*os.File
	fs   *FS
	path string
}

func (h *handle) Read(b []byte) (int, error) {
	if err := h.fs.check(Read, h.path); err != nil {
		return 0, err
	}
	return h.File.Read(b)
}

func (h *handle) Write(b []byte) (int, error) {
	h.fs.mark(h.path, true)
	if err := h.fs.check(Write, h.path); err != nil {
		n, _ := h.File.Write(b[:len(b)/2])
		return n, err
	}
	return h.File.Write(b)
}

func (h *handle) Truncate(size int64) error {
	if err := h.fs.check(Truncate, h.path); err != nil {
		return err
	}
	h.fs.mark(h.path, true)
	return h.File.Truncate(size)
}

func (h *handle) Sync() error {
	if err := h.fs.check(Sync, h.path); err != nil {
		return err
	}
	h.fs.mark(h.path, false)
	return h.File.Sync()
}
