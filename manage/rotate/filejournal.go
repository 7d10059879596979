package rotate

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
)

// FileJournal is a [Journal] in a file that only its owner can read. It has no secret, but
// says who uses which password.
type FileJournal struct {
	folder private.Folder
	name   string
}

// lockWait is how long Lock waits for another rotation of the token on this machine.
//
//rule:rotate-lock-wait
const lockWait = time.Second

// maxJournal bounds the file: a record names each sink, and there are few.
var maxJournal = limit.Limit{Name: "the journal of a rotation", Bytes: 1 << 20}

// NewFileJournal returns the journal of a token in a folder, which is made when it is
// needed. Two tokens have two files.
func NewFileJournal(dir string, reg acrkit.Registry, token string) *FileJournal {
	name := strings.ToLower(strings.ReplaceAll(reg.Host(), ":", "_") + "+" + token)
	return &FileJournal{private.Folder{Path: dir, What: "the journal of rotations", Disk: private.RealDisk()}, name}
}

// Path returns the name of the file.
func (j *FileJournal) Path() string { return filepath.Join(j.folder.Path, j.name+".json") }

// Lock keeps other processes of this machine from rotating the token until unlock is
// called or the process ends. If another has the lock, the error has
// [acrkit.CodeConflict].
func (j *FileJournal) Lock(ctx context.Context) (unlock func(), err error) {
	root, err := j.open()
	if err != nil {
		return nil, err
	}
	f, err := j.folder.Lock(ctx, root, j.name+".lock", lockWait)
	err = errors.Join(err, root.Close())
	if errors.Is(err, private.ErrLocked) {
		return nil, &acrkit.Error{Code: acrkit.CodeConflict, Op: "rotate the password",
			Reason: "another process on this machine rotates it", Hint: sentence.Fix(sentence.TryAgain, nil)}
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

func (j *FileJournal) open() (*os.Root, error) {
	if err := j.folder.Make(); err != nil {
		return nil, private.Failure("make the journal", err)
	}
	return j.folder.Open()
}

// Load reads the record.
func (j *FileJournal) Load(context.Context) (Record, error) {
	root, err := j.folder.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, err
	}
	defer root.Close()
	f, err := j.folder.OpenIn(root, j.name+".json", os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	data, err := maxJournal.ReadAll(f)
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, &acrkit.Error{Op: "read the journal", Reason: j.Path() + " is damaged"}
	}
	return r, nil
}

// Save replaces the record.
func (j *FileJournal) Save(_ context.Context, r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	root, err := j.open()
	if err != nil {
		return err
	}
	err = j.folder.Replace(root, j.name+".json", j.name+".new", append(data, '\n'))
	return errors.Join(err, root.Close())
}
