package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// Disk is a [Store] in a folder:
//
//	blobs/sha256/ab/ab12…   content
//	uploads/<id>            uploads
//
// A file gets its name under blobs only when it is complete and synced.
type Disk struct {
	dir     string
	fs      FS
	buffers sync.Pool

	mu   sync.Mutex
	made map[string]bool // folders under blobs that are known to be durable
}

// OpenDisk opens the store in dir, which must exist. A nil FS is the operating
// system's.
func OpenDisk(dir string, filesystem FS) (*Disk, error) {
	d := &Disk{dir: dir, fs: filesystem, made: map[string]bool{}}
	if d.fs == nil {
		d.fs = OS{}
	}
	d.buffers.New = func() any { b := make([]byte, copyBuffer); return &b }
	const what = "open the content store"
	for _, sub := range []string{"blobs", "uploads"} {
		if err := d.fs.Mkdir(filepath.Join(dir, sub), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, wrap(what, err)
		}
	}
	if err := d.fs.SyncDir(dir); err != nil { // once for both; also where they were there, as in mkdir
		return nil, wrap(what, err)
	}
	return d, nil
}

func wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w: %w", what, ErrNotExist, err)
	case isFull(err):
		return fmt.Errorf("%s: %w: %w", what, ErrFull, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (d *Disk) upload(id string) (string, error) {
	return filepath.Join(d.dir, "uploads", id), checkID(id)
}

// content returns the file of a digest and the folders it is in, outer first.
func (d *Disk) content(digest string) (folders []string, path string, err error) {
	algorithm, hex, err := splitDigest(digest)
	if err != nil {
		return nil, "", err
	}
	a := filepath.Join(d.dir, "blobs", algorithm)
	b := filepath.Join(a, hex[:2])
	return []string{a, b}, filepath.Join(b, hex), nil
}

// mkdir makes a folder and its entry in the parent durable, once.
func (d *Disk) mkdir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made[path] {
		return nil
	}
	if err := d.fs.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also where it was there: a crash may have come between making and syncing.
	if err := d.fs.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	d.made[path] = true
	return nil
}

// Create implements [Store].
func (d *Disk) Create(_ context.Context, id string) error {
	path, err := d.upload(id)
	if err != nil {
		return err
	}
	f, err := d.fs.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return wrap("begin an upload", err)
	}
	return wrap("begin an upload", f.Close())
}

// Size implements [Store].
func (d *Disk) Size(_ context.Context, id string) (int64, error) {
	path, err := d.upload(id)
	if err != nil {
		return 0, err
	}
	f, err := d.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, wrap("find an upload", err)
	}
	defer f.Close()
	size, err := fileSize(f)
	return size, wrap("find an upload", err)
}

func fileSize(f File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Append implements [Store].
func (d *Disk) Append(ctx context.Context, id string, at int64, r io.Reader) (n int64, err error) {
	path, err := d.upload(id)
	if err != nil {
		return 0, err
	}
	const what = "store an upload"
	f, err := d.fs.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, wrap(what, err)
	}
	size, err := fileSize(f)
	if err == nil && size < at {
		err = fmt.Errorf("%d bytes are stored, not %d", size, at)
	}
	if err == nil && size > at {
		err = f.Truncate(at)
	}
	if err == nil {
		_, err = f.Seek(at, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return 0, wrap(what, err)
	}
	buf := d.buffers.Get().(*[]byte)
	n, readErr, err := copyAll(ctx, f, r, *buf)
	d.buffers.Put(buf)
	if err != nil {
		// So that a client may send the same again, and to give the space back.
		err = errors.Join(err, f.Truncate(at))
		n = 0
	}
	if closeErr := f.Close(); err == nil && closeErr != nil {
		n, err = 0, closeErr
	}
	if err != nil {
		return 0, wrap(what, err)
	}
	return n, readErr
}

// copyAll copies r to w and tells failures of r, the context's end among them,
// from those of w.
func copyAll(ctx context.Context, w io.Writer, r io.Reader, buf []byte) (n int64, readErr, writeErr error) {
	for {
		if err := ctx.Err(); err != nil {
			return n, &ReadError{err}, nil
		}
		// Not io.ReadFull: it gives a plain end the error of a broken body.
		k, err := 0, error(nil)
		for k < len(buf) && err == nil {
			var m int
			m, err = r.Read(buf[k:])
			k += m
		}
		if k > 0 {
			if _, werr := w.Write(buf[:k]); werr != nil {
				return n, nil, werr
			}
			n += int64(k)
		}
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return n, nil, nil
		case err != nil:
			return n, &ReadError{err}, nil
		}
	}
}

// OpenUpload implements [Store].
func (d *Disk) OpenUpload(_ context.Context, id string) (io.ReadCloser, error) {
	path, err := d.upload(id)
	if err != nil {
		return nil, err
	}
	f, err := d.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, wrap("read an upload", err)
	}
	return f, nil
}

// Commit implements [Store].
func (d *Disk) Commit(_ context.Context, id, digest string) (err error) {
	from, err := d.upload(id)
	if err != nil {
		return err
	}
	folders, to, err := d.content(digest)
	if err != nil {
		return err
	}
	const what = "keep content"
	f, err := d.fs.OpenFile(from, os.O_WRONLY, 0)
	if err != nil {
		return wrap(what, err)
	}
	defer func() {
		if err != nil {
			err = wrap(what, err)
			_ = d.fs.Remove(from) // it may be renamed already; else it expires
		}
	}()
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := d.mkdir(folder); err != nil {
			return err
		}
	}
	if err := d.fs.Rename(from, to); err != nil {
		return err
	}
	return d.fs.SyncDir(filepath.Dir(to))
}

// Abort implements [Store].
func (d *Disk) Abort(_ context.Context, id string) error {
	path, err := d.upload(id)
	if err != nil {
		return err
	}
	return wrap("drop an upload", d.fs.Remove(path))
}

// Uploads implements [Store].
func (d *Disk) Uploads(ctx context.Context) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		const what = "list uploads"
		entries, err := d.fs.ReadDir(filepath.Join(d.dir, "uploads"))
		if err != nil {
			yield(Upload{}, wrap(what, err))
			return
		}
		for _, e := range entries {
			if checkID(e.Name()) != nil || !e.Type().IsRegular() {
				continue // not ours
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // it ended meanwhile
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Upload{}, wrap(what, err))
				return
			}
			if !yield(Upload{ID: e.Name(), Modified: info.ModTime()}, nil) {
				return
			}
		}
	}
}

// Contents implements [Store]. It holds the names of one folder at a time, of
// which there are 256 for each algorithm.
func (d *Disk) Contents(ctx context.Context, after string) iter.Seq2[Content, error] {
	return func(yield func(Content, error) bool) {
		root := filepath.Join(d.dir, "blobs")
		for _, algorithm := range []string{"sha256", "sha512"} {
			folders, err := d.fs.ReadDir(filepath.Join(root, algorithm))
			if errors.Is(err, fs.ErrNotExist) {
				continue // made with its first content
			}
			if err != nil {
				yield(Content{}, wrap("list content", err))
				return
			}
			for _, folder := range folders {
				if !folder.IsDir() || after != "" &&
					algorithm+":"+folder.Name() < after[:min(len(after), len(algorithm)+1+len(folder.Name()))] {
					continue
				}
				if !d.contentsOf(ctx, filepath.Join(root, algorithm, folder.Name()), algorithm, after, yield) {
					return
				}
			}
		}
	}
}

// contentsOf yields what one folder holds, and reports whether to go on.
func (d *Disk) contentsOf(ctx context.Context, folder, algorithm, after string, yield func(Content, error) bool) bool {
	entries, err := d.fs.ReadDir(folder)
	if err != nil {
		yield(Content{}, wrap("list content", err))
		return false
	}
	for _, e := range entries {
		digest := algorithm + ":" + e.Name()
		if _, _, err := splitDigest(digest); err != nil || !e.Type().IsRegular() || digest <= after {
			continue // not ours, or listed before
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(Content{}, wrap("list content", err))
			return false
		}
		if !yield(Content{Digest: digest, Size: info.Size()}, nil) {
			return false
		}
	}
	return true
}

// Open implements [Store]. The reader is an [*os.File] where the file system is
// the operating system's, so that the network stack may take the short way.
func (d *Disk) Open(_ context.Context, digest string) (io.ReadSeekCloser, Info, error) {
	_, path, err := d.content(digest)
	if err != nil {
		return nil, Info{}, err
	}
	f, err := d.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, Info{}, wrap("read content", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, Info{}, wrap("read content", err)
	}
	return f, infoOf(info), nil
}

// Stat implements [Store].
func (d *Disk) Stat(_ context.Context, digest string) (Info, error) {
	_, path, err := d.content(digest)
	if err != nil {
		return Info{}, err
	}
	info, err := d.fs.Stat(path)
	if err != nil {
		return Info{}, wrap("find content", err)
	}
	return infoOf(info), nil
}

func infoOf(info fs.FileInfo) Info {
	stamp := Stamp{Modified: info.ModTime().UnixNano()}
	stamp.Changed, stamp.File = identify(info)
	return Info{Size: info.Size(), Stamp: stamp}
}

// Remove implements [Store].
func (d *Disk) Remove(_ context.Context, digest string) error {
	_, path, err := d.content(digest)
	if err != nil {
		return err
	}
	if err := d.fs.Remove(path); err != nil {
		return wrap("remove content", err)
	}
	return wrap("remove content", d.fs.SyncDir(filepath.Dir(path)))
}
