package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// lockWait is how long a process waits for the lock, which others hold while they write
// the file and use the keychain: longer than the keychain may take.
const lockWait = keychainWait + 10*time.Second

const opRead = "read the store of logins"

// read returns what the file holds. No file is an empty one.
func (s *Store) read() (file, error) {
	if s.noDir != nil {
		return file{}, nil
	}
	root, err := s.folder.Open()
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
	f, err := s.folder.OpenIn(root, fileName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, nil
	}
	if _, ours := errors.AsType[*acrkit.Error](err); err != nil && !ours {
		err = private.Failure(opRead, err)
	}
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return file{}, private.Failure(opRead, err)
	}
	parsed, err := parse(data)
	path := filepath.Join(s.folder.Path, fileName)
	switch {
	case errors.Is(err, errNewer):
		return file{}, &acrkit.Error{Op: opRead, Reason: "a newer acrkit wrote " + path, Errs: []error{err},
			Hint: sentence.Fix(sentence.GetNewer, map[string]string{"variable": EnvDir})}
	case err != nil:
		return file{}, &acrkit.Error{Op: opRead, Reason: path + " is damaged: " + err.Error(), Errs: []error{err},
			Hint: sentence.Fix(sentence.MoveAside,
				map[string]string{"file": shell.Quote(path), "aside": shell.Quote(path + ".damaged")})}
	}
	return parsed, nil
}

// replace writes the file. The lock is held.
func (s *Store) replace(root *os.Root, data []byte) error {
	return s.folder.Replace(root, fileName, newName, data)
}

// lock takes the lock of the folder; closing the file releases it.
func (s *Store) lock(ctx context.Context, root *os.Root, op string) (*os.File, error) {
	f, err := s.folder.Lock(ctx, root, lockName, lockWait)
	if errors.Is(err, private.ErrLocked) {
		err = &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op,
			Reason: fmt.Sprintf("another acrkit has been changing the store of logins for %s", lockWait),
			Hint:   sentence.Fix(sentence.FindProcess, nil)}
	}
	return f, err
}
