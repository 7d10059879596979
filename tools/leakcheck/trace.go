package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// StraceArgs are the arguments with which strace writes what [readTrace] reads,
// to the file out; the program and its arguments follow. Strings are never cut:
// no write comes near that length.
func StraceArgs(out string) []string {
	const calls = "write,writev,pwrite64,pwritev,pwritev2,execve,openat,?open,?creat,?chmod,fchmod,fchmodat,?fchmodat2"
	return []string{"-f", "--decode-pids=comm", "-y", "--seccomp-bpf", "-e", "signal=none", "-e", "abbrev=none",
		"-s", "268435456", "-e", "trace=" + calls, "-o", out, "--"}
}

// event is one system call that showed something.
type event struct {
	pid     int    // of the thread
	program string // the process's name
	kind    eventKind
	fd      int
	path    string   // of the file, pipe or socket
	data    []byte   // written
	argv    []string // of a program
	mode    uint64   // of a file that is created or changed
	opens   bool     // it is created only where it is not there yet
	exit    bool     // it is not a call but the end of the thread
}

type eventKind int

const (
	eventWrite eventKind = iota
	eventExec
	eventMode
)

// maxTraceLine bounds a line of a trace: a write of 64 MiB, each byte escaped.
const maxTraceLine = 256 << 20

var errTrace = errors.New("not a line of strace that this reader knows")

// readTrace calls each for the events of a trace. A line that cannot be read is
// an error: what is not understood was not checked.
//
// A call that was never made is none: when a process ends, strace may print a call for
// a thread that has gone, with the registers of the thread that it looked at before. The
// result of its last call, the 20 bytes of "acrkit: interrupted", is then the number of
// the call, writev, and its arguments are of another call. No end of it is ever printed.
func readTrace(r io.Reader, each func(event)) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<20), maxTraceLine)
	begun := map[int]error{} // by thread: its last line, the beginning of a call, cannot be read
	for n := 1; sc.Scan(); n++ {
		e, ok, err := parseLine(sc.Text())
		if before := begun[e.pid]; before != nil && !e.exit {
			return before
		}
		delete(begun, e.pid)
		if err != nil {
			err = fmt.Errorf("line %d: %w: %.200q", n, err, sc.Text())
			if !strings.HasSuffix(sc.Text(), " <unfinished ...>") {
				return err
			}
			begun[e.pid] = err
		}
		if ok {
			each(e)
		}
	}
	for _, err := range begun {
		return err
	}
	return sc.Err()
}

// parseLine reads one line; ok is false for lines that show nothing.
func parseLine(line string) (e event, ok bool, err error) {
	p := &lineParser{rest: line}
	e.pid = p.number()
	if p.skip("<") {
		e.program = p.until(">")
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.failed {
		return e, false, errTrace
	}
	if e.exit = strings.HasPrefix(p.rest, "+++"); e.exit || strings.HasPrefix(p.rest, "---") ||
		strings.HasPrefix(p.rest, "<... ") || strings.HasPrefix(p.rest, "???") {
		return e, false, nil // an end, a signal, or the end of a call whose beginning was read
	}
	call := p.until("(")
	switch call {
	case "write", "pwrite64":
		e.kind = eventWrite
		e.fd, e.path = p.descriptor()
		p.want(", ")
		e.data = p.text()
	case "writev", "pwritev", "pwritev2":
		e.kind = eventWrite
		e.fd, e.path = p.descriptor()
		p.want(", ")
		if !p.skip("[") {
			return e, false, nil // an address that could not be read: the call fails
		}
		for !p.failed && !p.skip("]") {
			p.skip(", ")
			p.want("{iov_base=")
			e.data = append(e.data, p.text()...)
			p.want(", iov_len=")
			p.number()
			p.want("}")
		}
	case "execve":
		e.kind = eventExec
		e.path = string(p.text())
		p.want(", ")
		if !p.skip("[") {
			return e, false, nil
		}
		for !p.failed && !p.skip("]") {
			p.skip(", ")
			e.argv = append(e.argv, string(p.text()))
		}
	case "openat", "open", "creat":
		e.opens = true
		dir := ""
		if call == "openat" {
			dir = p.directory()
		}
		e.kind = eventMode
		if !strings.HasPrefix(p.rest, `"`) {
			return e, false, nil
		}
		e.path = below(dir, string(p.text()))
		if call != "creat" {
			p.want(", ")
			if flags := p.word(); !strings.Contains(flags, "O_CREAT") && !strings.Contains(flags, "O_TMPFILE") {
				return e, false, nil
			}
		}
		p.want(", ")
		e.mode = p.octal()
	case "chmod", "fchmod", "fchmodat", "fchmodat2":
		e.kind = eventMode
		if call == "fchmod" {
			_, e.path = p.descriptor()
		} else {
			dir := ""
			if call != "chmod" {
				dir = p.directory()
			}
			e.path = below(dir, string(p.text()))
		}
		p.want(", ")
		e.mode = p.octal()
	default:
		return e, false, nil
	}
	if p.failed {
		return e, false, errTrace
	}
	return e, true, nil
}

// lineParser takes what it reads off the front of rest.
type lineParser struct {
	rest   string
	failed bool
}

func (p *lineParser) skip(s string) bool {
	after, ok := strings.CutPrefix(p.rest, s)
	p.rest = after
	return ok
}

func (p *lineParser) want(s string) {
	if !p.skip(s) {
		p.failed = true
	}
}

func (p *lineParser) until(mark string) string {
	before, after, ok := strings.Cut(p.rest, mark)
	if !ok {
		p.failed = true
	}
	p.rest = after
	return before
}

func (p *lineParser) span(set string) string {
	n := len(p.rest) - len(strings.TrimLeft(p.rest, set))
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}

func (p *lineParser) number() int {
	n, err := strconv.Atoi(p.span("0123456789"))
	if err != nil {
		p.failed = true
	}
	return n
}

func (p *lineParser) octal() uint64 {
	n, err := strconv.ParseUint(p.span("01234567"), 8, 32)
	if err != nil {
		p.failed = true
	}
	return n
}

func (p *lineParser) word() string {
	return p.span("ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz0123456789|")
}

// descriptor reads 7</a/file>.
func (p *lineParser) descriptor() (int, string) {
	fd := p.number()
	if !p.skip("<") {
		return fd, ""
	}
	path := string(unescape(p.until(">")))
	p.skip("(deleted)")
	return fd, path
}

// directory reads AT_FDCWD</a/folder> or 7</a/folder>, and what follows it.
func (p *lineParser) directory() string {
	p.span("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-")
	dir := ""
	if p.skip("<") {
		dir = string(unescape(p.until(">")))
	}
	p.want(", ")
	return dir
}

// below joins a path that may be relative with its folder.
func below(dir, path string) string {
	if strings.HasPrefix(path, "/") || dir == "" {
		return path
	}
	return dir + "/" + strings.TrimPrefix(path, "./")
}

// text reads a quoted string. One that strace cut short is a failure.
func (p *lineParser) text() []byte {
	if !p.skip(`"`) {
		if p.skip("NULL") || strings.HasPrefix(p.rest, "0x") { // not readable by the kernel either
			p.span("0123456789abcdefx")
			return nil
		}
		p.failed = true
		return nil
	}
	end := 0
	for end < len(p.rest) && p.rest[end] != '"' {
		if p.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.rest) || strings.HasPrefix(p.rest[end+1:], "...") {
		p.failed = true
		return nil
	}
	s := p.rest[:end]
	p.rest = p.rest[end+1:]
	return unescape(s)
}

// unescape reads C's escapes, as strace writes them.
func unescape(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`ntrvfab`, s[i]); at >= 0 {
			out = append(out, "\n\t\r\v\f\a\b"[at])
			continue
		}
		digits := 0
		for digits < 3 && i+digits < len(s) && s[i+digits] >= '0' && s[i+digits] <= '7' {
			digits++
		}
		if digits == 0 {
			out = append(out, s[i])
			continue
		}
		n, _ := strconv.ParseUint(s[i:i+digits], 8, 16)
		out = append(out, byte(n))
		i += digits - 1
	}
	return out
}
