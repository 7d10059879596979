package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// write writes the file and says so on w. A recording of nothing does not replace a file
// that has something; the file of an earlier run is replaced, that of one beside it is not. If
// writing fails, the lines go to w, because the recorded run may not be repeatable. runFailed
// says that the run ended with an error.
func (r *record) write(w io.Writer, runFailed bool) error {
	if r.path == "" {
		return nil
	}
	text := r.used.Text(r.now())
	file, n := shell.Quote(r.path), rightsIn(text)
	if n == 0 && holdsSomething(r.path) {
		cmdutil.Say(w, "acrkit: no right was used; %s is kept as it was", file)
		return nil
	}
	if is, err := os.Stat(r.path); err == nil && (r.was == nil || !os.SameFile(is, r.was) ||
		!is.ModTime().Equal(r.was.ModTime())) {
		cmdutil.Say(w, "%s", strings.TrimSuffix(text, "\n"))
		return r.failed(errors.New("another run wrote it meanwhile; these are printed above"), "")
	}
	if err := private.WriteFile(r.path, []byte(text), 0o644); err != nil {
		cmdutil.Say(w, "%s", strings.TrimSuffix(text, "\n"))
		return r.failed(err, "")
	}
	switch {
	case n == 0:
		cmdutil.Say(w, "acrkit: no right was used; %s has no line", file)
	case runFailed:
		cmdutil.Say(w, "acrkit: recorded %s in %s; the run failed, so some may be missing", counted(n, "right"), file)
	default:
		cmdutil.Say(w, "acrkit: recorded %s in %s", counted(n, "right"), file)
	}
	return nil
}

// rightsIn counts the lines of a recording that are not comments.
func rightsIn(text string) (n int) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// holdsSomething reports whether a file has more than comments, or cannot be read.
func holdsSomething(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadSlice('\n')
		line = bytes.TrimSpace(line)
		switch {
		case len(line) > 0 && line[0] != '#':
			return true
		case err == io.EOF:
			return false
		case err != nil: // also a line that is too long for a recording
			return true
		}
	}
}
