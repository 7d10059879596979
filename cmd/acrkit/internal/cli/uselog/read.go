// Package uselog reads which rights were used: from recordings of the proxy, the emulator's
// decision log and the diagnostic logs of Azure Container Registry, in the forms in which people
// have them.
//
// A log may be larger than the memory. What is kept is one total for each right, on disk if
// there are many.
package uselog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/scopemap"
)

// maxLine is the longest line, or JSON value in a list, in bytes.
//
//rule:suggest-limits-line
const maxLine = 1 << 20

// Read reads one more source: a file, or in where the path is "-". A line that cannot be read
// is counted in [Source], and the others still count. It is an error if no line is of a log.
func (l *Log) Read(path string, in io.Reader) error {
	//rule:suggest-limits-sources
	if len(l.Sources) >= MaxSources {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read the uses of rights",
			Reason: fmt.Sprintf("there are more than %d sources; put several into one file", MaxSources)}
	}
	l.Sources = append(l.Sources, Source{Path: path})
	if err := l.read(path, in); err != nil {
		e := &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the log %q", path), Errs: []error{err}}
		switch {
		case errors.Is(err, errNoLog):
			e.Hint = sentence.Draft(sentence.SaveUses, nil)
		case errors.Is(err, errEncoding):
			e.Hint = sentence.Draft(sentence.SaveAsUTF8, nil)
		}
		return e
	}
	return nil
}

func (l *Log) read(path string, in io.Reader) error {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return errors.New("it is a folder; the files in it, as one source: " +
				"find FOLDER -name '*.json' -exec cat {} + | acrkit scope-map suggest -")
		}
		in = file
	}
	r := &reader{log: l, source: &l.Sources[len(l.Sources)-1], in: bufio.NewReaderSize(in, maxLine)}
	if err := r.read(); err != nil {
		return err
	}
	if r.good == 0 && r.source.Broken == 0 && r.source.Other > 0 {
		return fmt.Errorf("%w; all of it is of other tables, as %q", errNoLog, r.source.OtherTable)
	}
	if r.good == 0 && r.source.Broken > 0 {
		if r.strange == r.source.Broken {
			return fmt.Errorf("%w; line %d: %w", errNoLog, r.source.Errors[0].Line, r.source.Errors[0].Err)
		}
		return fmt.Errorf("no line of it can be read; line %d: %w", r.source.Errors[0].Line, r.source.Errors[0].Err)
	}
	return nil
}

// errNoLog is of a file that is none that is read.
var errNoLog = errors.New("it is no log of a registry that acrkit reads: a recording of acrkit proxy, " +
	"the JSON of acrkit emulator log, or the JSON or CSV of ContainerRegistryRepositoryEvents or " +
	"ContainerRegistryLoginEvents")

// errEncoding is of a text that is not UTF-8, as PowerShell writes what a program prints.
var errEncoding = errors.New("save it as UTF-8")

// errMap is of a scope map in the place of a log.
var errMap = errors.New("it is a scope map, and says what is granted, not what was used; --granted takes one")

type reader struct {
	log    *Log
	source *Source
	in     *bufio.Reader

	good    int64 // lines that were read
	strange int64 // broken ones that are of no log
	fail    error // that ends the reading: of the disk
}

const (
	byteOrderMark = "\ufeff"
	recordingMark = "# acrkit recording "
)

// packed are the first bytes of files that may have a log in them.
var packed = map[string]string{
	"\x1f\x8b":   "it is compressed: gzip -dc FILE | acrkit scope-map suggest -",
	"PK\x03\x04": "it is a zip file (or Excel's): take the log out of it, as JSON or CSV",
	"Obj\x01":    "it is Avro, as an event hub captures it: write its records as JSON, one a line",
}

// read finds out what the source is.
func (r *reader) read() error {
	head, err := r.in.Peek(maxLine)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.HasPrefix(head, []byte(byteOrderMark)) {
		_, _ = r.in.Discard(len(byteOrderMark))
		head = head[len(byteOrderMark):]
	}
	if why := loginfile.LeadingMark(string(head[:min(len(head), 8)])); why != "" {
		return fmt.Errorf("it %s; %w", why, errEncoding)
	}
	for mark, why := range packed {
		if bytes.HasPrefix(head, []byte(mark)) {
			return errors.New(why)
		}
	}
	rest := bytes.TrimLeft(head, " \t\r\n")
	comma := csvComma(rest)
	switch {
	case len(rest) == 0:
		return errors.New("it is empty")
	case bytes.HasPrefix(rest, []byte(recordingMark)):
		err = r.recording()
	case rest[0] == '[', rest[0] == '{' && !isLines(rest):
		err = r.document()
	case rest[0] == '{':
		err = r.lines(r.value)
	case comma != 0:
		err = r.csv(comma)
	case isMap(rest):
		return errMap
	default:
		return errNoLog // it is not quoted: a file that was named by mistake may be a secret
	}
	return errors.Join(err, r.fail)
}

// isLines reports whether a text has one JSON object a line: the first one or, if that lost its
// begin or end, the second.
func isLines(head []byte) bool {
	first, rest, _ := bytes.Cut(head, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	return object(first, nil) == nil || object(second, nil) == nil
}

// isMap reports whether the first line is that of a scope map.
func isMap(head []byte) bool {
	for line := range strings.Lines(string(head[:min(len(head), 64<<10)])) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			_, err := scopemap.ParseRule(line)
			return err == nil
		}
	}
	return false
}

// lines calls each with the lines that are not empty.
func (r *reader) lines(each func(n int, line []byte) error) error {
	for n := 1; ; n++ {
		line, err := r.in.ReadSlice('\n')
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			_, err = r.in.ReadSlice('\n')
		}
		switch trimmed := bytes.TrimSpace(line); {
		case long:
			r.broken(n, fmt.Errorf("it is longer than %d bytes", maxLine))
		case len(trimmed) > 0:
			r.note(n, each(n, trimmed))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || r.fail != nil {
			return err // r.fail is returned by the caller
		}
	}
}

// errNoted is of a line whose parts are noted one by one.
var errNoted = errors.New("its parts are noted")

// mostRows are how many rows Azure gives at most for a query: its portal once, later, and now, as
// the API does.
//
// Source: Microsoft, "Azure Monitor service limits", Log Analytics workspaces.
var mostRows = []int64{10_000, 30_000, 500_000}

// full notes that a query's answer is as long as it can be.
func (r *reader) full() {
	//rule:suggest-full
	if n := r.good + r.source.Broken + r.source.Other; slices.Contains(mostRows, n) {
		r.source.Ends = fmt.Sprintf("it has %d rows, the most that Azure gives for a query, and may lack others; "+
			countInstead, n)
	}
}

// note counts a line that could be read, or could not.
func (r *reader) note(line int, err error) {
	other, isOther := errors.AsType[otherTable](err)
	switch {
	case err == nil:
		r.good++
	case isOther:
		if r.source.Other++; r.source.Other == 1 {
			r.source.OtherTable = string(other)
		}
	case !errors.Is(err, errNoted):
		r.broken(line, err)
	}
}

func (r *reader) broken(line int, err error) {
	if r.fail != nil {
		return
	}
	r.source.Broken++
	if errors.Is(err, errNoEvent) {
		r.strange++
	}
	if len(r.source.Errors) < maxBroken {
		r.source.Errors = append(r.source.Errors, BrokenLine{line, err})
	}
}

// add counts an event. An error is of the disk, and ends the reading.
func (r *reader) add(e event) error {
	if err := r.log.add(e); err != nil {
		r.fail = err
		return err
	}
	return nil
}
