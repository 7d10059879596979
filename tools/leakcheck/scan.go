package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Result is what the check of one test program found.
type Result struct {
	Package  string
	Secrets  int // that were reported and are long enough to be looked for
	Events   int // of the trace
	Bytes    int64
	Shown    int // errors, log lines and outputs that taps reported
	Findings []Finding
}

// window is how much of what was written before is searched again with what follows,
// because a secret may be written in two halves.
const window = 8 << 10

// toolchain are the programs that turn the tests' sources, literals included,
// into programs. What they write is no output of the product.
var toolchain = []string{"go", "compile", "link", "asm", "cgo", "vet", "buildid", "gcc", "cc1", "as",
	"collect2", "ld", "covdata"}

// Scan reads a trace and the reports of the processes in it. open must return
// the same trace each time.
func Scan(pkg string, open func() (io.ReadCloser, error), reports string) (Result, error) {
	res := Result{Package: pkg}
	pids := map[int]bool{}
	if err := scanTrace(open, func(e event) { pids[e.pid] = true; res.Events++ }); err != nil {
		return res, err
	}
	entries, err := readReports(reports, pids)
	if err != nil {
		return res, err
	}
	var secrets []string
	for _, r := range entries {
		if r.Kind == kindSecret {
			secrets = append(secrets, r.Text)
		}
	}
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
	for _, s := range secrets {
		if len(s) >= minSecret {
			res.Secrets++
		}
	}
	s := &scanner{
		matcher: NewMatcher(secrets), streams: map[string][]byte{}, modes: map[string]uint64{}, pkg: pkg,
		reports: reports,
	}
	for _, r := range entries {
		if r.Kind != kindSecret {
			res.Shown++
			s.look(place{name: r.Kind, program: "tap"}, []byte(r.Text))
		}
	}
	err = scanTrace(open, func(e event) { res.Bytes += s.event(e) })
	for _, f := range s.found {
		if mode, ok := s.modes[f.Place]; ok {
			f.Mode = fmt.Sprintf("%04o", mode)
		}
		if !isAllowed(f) {
			res.Findings = append(res.Findings, f.Finding)
		}
	}
	res.Findings = Unique(res.Findings)
	return res, err
}

func scanTrace(open func() (io.ReadCloser, error), each func(event)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return readTrace(r, each)
}

// place is where something was shown.
type place struct{ name, program string }

// candidate is a finding with what decides whether it is allowed.
type candidate struct {
	Finding
	line string // the line it is in
}

type scanner struct {
	matcher *Matcher
	streams map[string][]byte // ends of what was written, by place
	modes   map[string]uint64 // all bits a file ever had
	found   []candidate
	pkg     string
	reports string
}

func (s *scanner) event(e event) int64 {
	switch e.kind {
	case eventMode:
		// An open that may create a file creates it once; a process that changes the
		// mode of one later may have shown it meanwhile.
		if old, known := s.modes[e.path]; !known || !e.opens {
			s.modes[e.path] = old | e.mode
		}
	case eventExec:
		for _, a := range e.argv {
			s.look(place{"argv", filepath.Base(e.path)}, []byte(a))
		}
	case eventWrite:
		p := place{e.path, e.program}
		switch {
		case slices.Contains(toolchain, e.program) || e.path == s.reports:
			return 0
		case strings.HasPrefix(e.path, "/") && !strings.HasPrefix(e.path, "/dev/"):
		case e.fd == 1:
			p.name = "stdout"
		case e.fd == 2:
			p.name = "stderr"
		default:
			return 0 // pipes and sockets: a child's input, a peer's
		}
		key := p.program + "\x00" + p.name
		before := s.streams[key]
		all := append(before, e.data...)
		s.lookFrom(p, all, len(before))
		s.streams[key] = slices.Clone(all[max(0, len(all)-window):])
		return int64(len(e.data))
	}
	return 0
}

func (s *scanner) look(p place, data []byte) { s.lookFrom(p, data, 0) }

// lookFrom reports the secrets that end after the first seen bytes.
func (s *scanner) lookFrom(p place, data []byte, seen int) {
	s.matcher.find(data, func(h hit) {
		if h.to <= seen {
			return
		}
		from := bytes.LastIndexByte(data[:h.from], '\n') + 1
		to := len(data)
		if i := bytes.IndexByte(data[h.to:], '\n'); i >= 0 {
			to = h.to + i
		}
		const around = 60
		before, after := data[max(from, h.from-around):h.from], data[h.to:min(to, h.to+around)]
		context := fmt.Sprintf("%q", string(before)+"…"+string(after))
		s.found = append(s.found, candidate{
			Finding: Finding{
				Package: s.pkg, Place: p.name, Program: p.program,
				Spelling: h.spelling, Secret: shorten(h.secret), Context: context,
			},
			line: string(data[max(from, h.from-2000):min(to, h.to+2000)]),
		})
	})
}
