package proxy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/uselog"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// record gathers the rights that were used.
type record struct {
	path string // "" = not requested
	now  func() time.Time
	used uselog.Recorder
	was  os.FileInfo // the file at the start; nil = there was none
}

// newRecord checks that the file can be written, before any request is made.
func newRecord(path string, reg acrkit.Registry, now func() time.Time) (*record, error) {
	r := &record{path: path, now: now, used: uselog.Recorder{Host: reg.Host(), Start: now()}}
	if path == "" {
		return r, nil
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, r.failed(errors.New("it is no file"), acrkit.CodeUsage)
	}
	r.was = info
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*")
	if err != nil {
		return nil, r.failed(err, acrkit.CodeUsage)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return nil, r.failed(err, acrkit.CodeUsage)
	}
	return r, nil
}

func (r *record) failed(err error, code acrkit.Code) error {
	e := &acrkit.Error{Code: code, Op: fmt.Sprintf("write the rights that were used to %q", r.path), Errs: []error{err},
		Hint: sentence.Fix(sentence.ListFolder, map[string]string{"dir": shell.Quote(filepath.Dir(r.path))})}
	if cmdutil.IsDiskFull(err) {
		e.Reason, e.Hint = "the disk is full; they are printed above", sentence.Fix(sentence.ShowRoom, nil)
	}
	return e
}

func (r *record) add(used acrkit.Scope) {
	if r.path != "" {
		r.used.Add(used, r.now())
	}
}

// write writes the file. If that fails, the lines go to w, because the recorded run may
// not be repeatable. The file of an earlier run is replaced, that of one beside it is not.
func (r *record) write(w io.Writer) error {
	if r.path == "" {
		return nil
	}
	text := r.used.Text(r.now())
	if is, err := os.Stat(r.path); err == nil && (r.was == nil || !os.SameFile(is, r.was) ||
		!is.ModTime().Equal(r.was.ModTime())) {
		cmdutil.Say(w, "%s", strings.TrimSuffix(text, "\n"))
		return r.failed(errors.New("another run wrote it meanwhile; these are printed above"), "")
	}
	if err := private.WriteFile(r.path, []byte(text), 0o644); err != nil {
		cmdutil.Say(w, "%s", strings.TrimSuffix(text, "\n"))
		return r.failed(err, "")
	}
	return nil
}
