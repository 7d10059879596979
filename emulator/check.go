package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/folderlock"
	"github.com/acrkit/acrkit/emulator/internal/snapshot"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// checkTime is how long one part of a check takes, which is at least one step: a
// user sees progress, and no call of the control API takes long.
const checkTime = time.Second

// Finding is something in the data folder that is not as it was written.
type Finding struct {
	Kind                 string // "database", "manifest" or "blob"
	Registry, Repository string // "" where it is about no repository
	Digest               string // of the manifest or blob
	Problem              string // what is wrong with it
	Fix                  string // what to do
}

// CheckPart is what a part of a check found.
type CheckPart struct {
	Findings []Finding // about a hundred at most
	Next     string    // where the next part goes on; "" = all is checked

	Manifests   int   // that were checked
	Contents    int   // likewise; one that several repositories have counts once
	Bytes       int64 // of those contents
	Unused      int   // contents that nothing refers to; they are removed later
	UnusedBytes int64
	Total       int64 // bytes of content in all repositories; set in the first part
}

// Check reads what is stored and says what is wrong with it, a second's worth at a
// time: from "" on, and then from where the part before says. The database, each
// manifest's body and each content is read; nothing is changed. Requests go on
// meanwhile, and what is found damaged is not served any more.
//
// Errors: [acrkit.CodeUsage] for a place that no part has said; failures of the
// disk.
func (e *Emulator) Check(ctx context.Context, from string) (CheckPart, error) {
	return check(ctx, e.content.Checker(), e.dir, from)
}

// Folder is the data folder of an emulator that does not run.
type Folder struct {
	dir     string
	lock    *folderlock.Lock
	db      *db.DB
	checker *content.Checker
	changed string // how the database differs from its mark; "" = it does not
	damage  string // why the database cannot be read at all; "" = it can
}

// OpenFolder opens a data folder to check it, as it is. It holds the folder's lock
// until it is closed.
//
// Errors: [acrkit.CodeNotFound] where there is no state in the folder;
// [acrkit.CodeUnavailable] where an emulator uses it; [acrkit.CodeUsage] where
// another version wrote it.
func OpenFolder(ctx context.Context, dir string) (_ *Folder, err error) {
	op := fmt.Sprintf("check the data folder %q", dir)
	state := filepath.Join(dir, stateDir)
	if _, err := os.Stat(state); err != nil {
		e := &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
		if errors.Is(err, fs.ErrNotExist) {
			e.Code, e.Reason, e.Errs = acrkit.CodeNotFound, "there is no emulator's state in it", nil
			e.Hint = sentence.Fix(sentence.CheckOtherFolder, nil)
		}
		return nil, e
	}
	f := &Folder{dir: dir}
	if f.lock, err = folderlock.Take(dir); err != nil {
		return nil, damaged(dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := f.lock.Hold(state); err != nil {
		return nil, damaged(dir, err)
	}
	held, _, err := heldState(dir)
	if err != nil {
		return nil, damaged(dir, err)
	}
	path := filepath.Join(state, blobsDir)
	if _, err := os.Stat(path); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, damaged(dir, err)
		}
		f.damage = fmt.Sprintf("the folder %q is missing", path)
		return f, nil
	}
	disk, err := blob.OpenDisk(path, nil)
	if err != nil {
		return nil, damaged(dir, err)
	}
	err = db.Inspect(ctx, state, held)
	if _, ok := errors.AsType[*db.Incomplete](err); ok {
		f.changed = err.Error()
	} else if err != nil {
		return nil, damaged(dir, err)
	}
	f.db, err = db.Open(ctx, state, &db.Options{AsIs: true, Migrations: migrations()})
	if _, lost := errors.AsType[*db.Incomplete](err); lost || errors.Is(err, fs.ErrNotExist) {
		f.damage = err.Error()
		return f, nil
	}
	if err != nil {
		return nil, damaged(dir, err)
	}
	f.checker = &content.Checker{DB: f.db, Blobs: disk, Held: snapshot.Holds, AllHeld: snapshot.Blobs}
	return f, nil
}

// Check is [Emulator.Check].
func (f *Folder) Check(ctx context.Context, from string) (CheckPart, error) {
	if f.damage != "" {
		text := cmp.Or(f.changed, f.damage)
		return CheckPart{Findings: []Finding{finding(f.dir, content.Problem{Text: text})}}, nil
	}
	part, err := check(ctx, f.checker, f.dir, from)
	if f.changed != "" && from == "" && err == nil {
		part.Findings = append(part.Findings, finding(f.dir, content.Problem{Text: f.changed}))
	}
	return part, err
}

// Close releases the folder's lock.
func (f *Folder) Close() error {
	var errs []error
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	return errors.Join(append(errs, f.lock.Close())...)
}

func check(ctx context.Context, c *content.Checker, dir, from string) (out CheckPart, err error) {
	report := func(p content.Problem) { out.Findings = append(out.Findings, finding(dir, p)) }
	var p content.Progress
	out.Next, p, err = c.Part(ctx, from, time.Now().Add(checkTime), report)
	if errors.Is(err, content.ErrPlace) {
		return out, &acrkit.Error{Code: acrkit.CodeUsage, Op: "go on with a check", Errs: []error{err}}
	}
	out.Manifests, out.Contents, out.Bytes = p.Manifests, p.Contents, p.Bytes
	out.Unused, out.UnusedBytes = p.Unused, p.UnusedBytes
	if err == nil && from == "" && out.Next != "" {
		out.Total, err = c.Size(ctx)
	}
	return out, err
}

// finding says what to do about a problem.
func finding(dir string, p content.Problem) Finding {
	f := Finding{Registry: p.Registry, Repository: p.Repository, Digest: p.Digest, Problem: p.Text}
	switch {
	case p.Digest == "":
		f.Kind = "database"
		f.Fix = sentence.Fix(sentence.RecoverState, nil)
		if dir != "" {
			f.Fix = sentence.Fix(sentence.RecoverFolder, map[string]string{"dir": shell.Quote(dir)})
		}
	case p.Manifest:
		f.Kind, f.Fix = "manifest", sentence.Fix(sentence.PushOrDelete, nil)
	case p.Repository == "":
		f.Kind, f.Fix = "blob", sentence.Fix(sentence.PushOrDeleteSnapshots, nil)
	default:
		f.Kind, f.Fix = "blob", sentence.Fix(sentence.PushOrDeleteNaming, nil)
	}
	return f
}

func (e *Emulator) controlCheck(w http.ResponseWriter, r *http.Request) error {
	var in control.CheckFrom
	if err := readJSON(r, &in); err != nil {
		return err
	}
	part, err := e.Check(r.Context(), in.From)
	if err != nil {
		return err
	}
	out := control.CheckPart{Findings: []control.Finding{}, Next: part.Next, Manifests: part.Manifests,
		Contents: part.Contents, Bytes: part.Bytes, Unused: part.Unused, UnusedBytes: part.UnusedBytes,
		Total: part.Total}
	for _, f := range part.Findings {
		out.Findings = append(out.Findings, control.Finding(f))
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}
