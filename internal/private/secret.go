package private

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// OpenSecret opens a file that holds a secret, with the flags of [os.OpenFile];
// one that O_CREATE makes has mode 0600. It refuses, with an [acrkit.Error] of
// [acrkit.CodeUsage] and a hint, a file of another owner, one whose mode lets
// others read or write it, and what is no regular file: a user who could write it
// may know the secret. Windows has no such modes and owners; there, only the kind
// of file is looked at. No file is fs.ErrNotExist.
func OpenSecret(path string, flag int) (*os.File, error) {
	dir, name := filepath.Split(path)
	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	//rule:secret-files-open-secret
	f, err := (&Folder{Path: filepath.Clean(dir), What: name}).OpenIn(root, name, flag)
	if cerr := root.Close(); err == nil && cerr != nil {
		return nil, errors.Join(cerr, f.Close())
	}
	return f, err
}

// CheckSecret is [OpenSecret] for a file that a library opens, such as a database.
// No file is no error.
func CheckSecret(path string) error {
	f, err := OpenSecret(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// ReadSecret reads a small file that holds a secret, as [OpenSecret] opens it. ok
// is false if there is none.
func ReadSecret(path string) (data []byte, ok bool, err error) {
	f, err := OpenSecret(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, MaxFile+1))
	//rule:secret-files-read-secret
	if err == nil && len(data) > MaxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, MaxFile)
	}
	if err != nil {
		return nil, false, err
	}
	return data, true, nil
}
