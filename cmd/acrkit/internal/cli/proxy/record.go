package proxy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// record gathers the rights that were used.
type record struct {
	path string // "" = not requested

	mu   sync.Mutex
	used acrkit.Scope
}

// newRecord checks that the file can be written, before any request is made.
func newRecord(path string) (*record, error) {
	r := &record{path: path}
	if path == "" {
		return r, nil
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, r.failed(errors.New("it is no file"), acrkit.CodeUsage)
	}
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
	if r.path == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.used.Contains(used) {
		r.used = r.used.Union(used)
	}
}

// lines are those of the smallest scope map with these rights.
func (r *record) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for access := range r.used.All() {
		if access.Type == "registry" {
			// A scope-mapped token can list the catalog only with the root map.
			lines = append(lines, "repositories/*/metadata/read")
			continue
		}
		for _, word := range access.Actions {
			if a, err := acrkit.ParseAction(word); err == nil {
				lines = append(lines, "repositories/"+access.Name+"/"+a.String())
			}
		}
	}
	return lines
}

// write writes the file. If that fails, the lines go to w, because the recorded run may
// not be repeatable.
func (r *record) write(w io.Writer) error {
	if r.path == "" {
		return nil
	}
	text := strings.Join(r.lines(), "\n")
	if text != "" {
		text += "\n"
	}
	if err := private.WriteFile(r.path, []byte(text), 0o644); err != nil {
		cmdutil.Say(w, "%s", strings.TrimSuffix(text, "\n"))
		return r.failed(err, "")
	}
	return nil
}
