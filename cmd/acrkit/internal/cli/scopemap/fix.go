package scopemapcmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/scopemap"
)

// fixed is a file whose map has the fewest lines.
type fixed struct {
	file  *mapfile.File
	valid bool          // the service takes the map, perhaps once it is fixed
	text  string        // what to write of a valid map
	gone  int           // how many lines are left out
	left  []findingJSON // what is still to be found
}

// fixRun prints the minimal map, or replaces the files.
func fixRun(ctx context.Context, opts *lintOptions, files []*mapfile.File) error {
	var all []findingJSON
	results := make([]fixed, 0, len(files))
	for _, f := range files {
		r, err := opts.fix(f)
		if err != nil {
			return err
		}
		results = append(results, r)
		all = append(all, r.left...)
	}
	for _, r := range results {
		switch {
		case !r.valid:
			cmdutil.Say(opts.IO.ErrOut, "%s is not fixed: the service does not take it as it is", r.file.Path)
		case !opts.Write:
			if _, err := io.WriteString(opts.IO.Out, r.text); err != nil {
				return err
			}
		case r.gone > 0:
			if err := replace(r.file.Path, r.text); err != nil {
				return err
			}
		}
		if r.valid {
			cmdutil.Say(opts.IO.ErrOut, "%s: lines left out: %d", r.file.Path, r.gone)
		}
	}
	to := opts.IO.Out
	if !opts.Write {
		to = opts.IO.ErrOut
	}
	if err := opts.print(ctx, all, len(files), to); err != nil {
		return err
	}
	return verdict(all)
}

// fix makes the map of a file minimal.
func (opts *lintOptions) fix(f *mapfile.File) (fixed, error) {
	m, err := f.Only()
	if err == nil && m.Err != nil {
		return fixed{}, &acrkit.Error{Code: acrkit.CodeIncomplete, Op: fmt.Sprintf("fix the scope map %q", f.Path),
			Errs: []error{m.Err}, Reason: m.Err.Error()}
	}
	if err == nil && opts.Write && f.Form != mapfile.FormLines && f.Form != mapfile.FormArray {
		err = fmt.Errorf("--write replaces files of lines and JSON arrays only, because others hold more than the map")
	}
	if err != nil {
		return fixed{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("fix the scope map %q", f.Path),
			Reason: err.Error()}
	}
	var v scopemap.Map // not by Parse: with duplicates it may have more lines than a map has
	v.Name, v.Description, v.System = m.Name, m.Description, m.System
	valid := true
	for _, line := range m.Actions {
		r, err := scopemap.ParseRule(line)
		valid = valid && err == nil
		v.Rules = append(v.Rules, r)
	}
	least := scopemap.Minimal(v)
	r := fixed{file: f, valid: valid && len(least.Rules) <= scopemap.MaxActions,
		gone: len(v.Rules) - len(least.Rules)}
	for _, x := range findingsOf(f, m) {
		switch x.Kind {
		case scopemap.Duplicate, scopemap.Shadowed, scopemap.GrantsNothing, scopemap.TooManyActions:
			if r.valid {
				continue
			}
		}
		r.left = append(r.left, x)
	}
	if r.valid {
		r.text = opts.text(f, least)
	}
	if r.valid && opts.Write { // what is left is in other lines of the new file
		again, err := mapfile.Read("-", strings.NewReader(r.text))
		if err != nil {
			return fixed{}, err
		}
		again.Path = f.Path
		r.left = findingsOf(again, again.Maps[0])
	}
	return r, nil
}

// text writes the map in the form of its file, or in the one that was asked for.
func (opts *lintOptions) text(f *mapfile.File, least scopemap.Map) string {
	as := mapfile.Format(opts.Format)
	if as == "" {
		switch f.Form {
		case mapfile.FormLines:
			as = mapfile.AsLines
		case mapfile.FormArray:
			as = mapfile.AsArray
		default:
			as = mapfile.AsJSON
		}
	}
	if as == mapfile.AsLines && f.Form == mapfile.FormLines {
		return f.Without(least)
	}
	if n := f.Comments(); n > 0 {
		cmdutil.Say(opts.IO.ErrOut, "comments that are not in the output: %d (--format lines keeps them)", n)
	}
	return mapfile.Write(least, as, opts.Registry.of(f.Maps[0].Registry))
}

// replace writes a file anew, with its mode. A link stays, and what it leads to is replaced.
func replace(path, text string) error {
	failed := func(err error) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("write the scope map %q", path),
			Errs: []error{err}}
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return failed(err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return failed(err)
	}
	if !info.Mode().IsRegular() {
		return failed(fmt.Errorf("it is no file"))
	}
	if err := private.WriteFile(target, []byte(text), info.Mode().Perm()); err != nil {
		return failed(err)
	}
	return nil
}
