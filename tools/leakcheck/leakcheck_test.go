package main

import (
	"bytes"
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

// TestTaps sees that the taps fit the code. It leaves the plants out: the check would find their tokens in its files.
func TestTaps(t *testing.T) {
	if _, err := WriteOverlay("../..", t.TempDir(), "/dev/null"); err != nil {
		t.Error(err)
	}
}

// TestTaps_changed sees what the taps put into a file, and that one in a wrong place is an
// error.
func TestTaps_changed(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"//tap:secret value\nfunc f(value string) { g() }",
			`f(value string) {leakTap("secret", string(value));  g() }`},
		{"func f() string {\n//tap:error\nreturn a + b\n}", `leakTap("error", string(a + b)); return a + b`},
		{"func f() {\n//tap:output a.b\ng(a)\n}", `leakTap("output", string(a.b)); g(a)`},
		{"import \"log/slog\"\nvar h = slog.NewTextHandler(w, nil)", "slog.NewTextHandler(leakLog{w}, nil)"},
		{"import \"log/slog\"\nfunc f() { h(slog.NewJSONHandler(a(), o)) }", "slog.NewJSONHandler(leakLog{a()}, o)"},
		{"import \"log/slog\"\nvar handler = slog.NewTextHandler", ""},
		{"//tap:secret value\nvar x = 1", ""},
		{"func f() (a, b int) {\n//tap:secret\nreturn 1, 2\n}", ""},
		{"//tap:secret if\nfunc f() {}", ""},
		{"//tap:secrt value\nfunc f(value string) { g() }", ""},
		{"//tap:secret\nfunc f() {}", ""},
	} {
		text, want := tt.text, tt.want
		f := &marker.File{Path: "x.go", Text: "package x\n" + text + "\n"}
		all, err := taps(f)
		if (err != nil) != (want == "") {
			t.Errorf("%q: %v", text, err)
		}
		if got := insert(f.Text, all); err == nil && !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q in it", text, got, want)
		}
	}
}

// TestPlants sees that the tests which leak on purpose compile: nothing else runs them but
// the stage leaks.
func TestPlants(t *testing.T) {
	for _, p := range plants {
		cmd := exec.CommandContext(t.Context(), "go", "vet", "./"+p)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", p, err, out)
		}
	}
}

func TestMatcher(t *testing.T) {
	const secret = `hunter2/+"<&>0123`
	m := NewMatcher([]string{secret, "password", "short"})
	for _, p := range spellings(secret) {
		found := ""
		m.find([]byte("before "+p.text+" after"), func(h hit) { found = h.secret })
		if found != secret {
			t.Errorf("%s %q is not found", p.spelling, p.text)
		}
	}
	for before := range 6 {
		for after := range 6 {
			whole := strings.Repeat("x", before) + secret + strings.Repeat("y", after)
			for _, enc := range []*base64.Encoding{
				base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding,
			} {
				found := false
				m.find([]byte(enc.EncodeToString([]byte(whole))), func(hit) { found = true })
				if !found {
					t.Errorf("%q is not found in base64", whole)
				}
			}
		}
	}
	m.find([]byte("a password, short, hunter2/+ and eyJ.eyJ"), func(h hit) { t.Errorf("found %+v", h) })
}

func TestParseLine(t *testing.T) {
	for line, want := range map[string]event{
		`12<a.test> write(1<pipe:[7]>, "a\n\"\\\303\n", 6) = 6`: {
			pid: 12, program: "a.test", fd: 1, path: "pipe:[7]", data: []byte("a\n\"\\\xc3\n"),
		},
		`12<a b> pwrite64(9</tmp/x>(deleted), "\0\1234", 3, 0 <unfinished ...>`: {
			pid: 12, program: "a b", fd: 9, path: "/tmp/x", data: []byte("\x00S4"),
		},
		`12<a> writev(3</x>, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], 2) = 3`: {
			pid: 12, program: "a", fd: 3, path: "/x", data: []byte("abc"),
		},
		`12<a> execve("/bin/true", ["true", "--x=y"], ["PATH=/bin"]) = 0`: {
			pid: 12, program: "a", kind: eventExec, path: "/bin/true", argv: []string{"true", "--x=y"},
		},
		`12<a> openat(AT_FDCWD</tmp>, "x", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0640) = 3</tmp/x>`: {
			pid: 12, program: "a", kind: eventMode, path: "/tmp/x", mode: 0o640, opens: true,
		},
		`12<a> fchmodat(AT_FDCWD</tmp>, "/y", 0600) = 0`: {
			pid: 12, program: "a", kind: eventMode, path: "/y", mode: 0o600,
		},
		`12<a> fchmod(3</y>, 0644) = 0`: {
			pid: 12, program: "a", kind: eventMode, path: "/y", mode: 0o644,
		},
	} {
		got, ok, err := parseLine(line)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(event{})); diff != "" || !ok || err != nil {
			t.Errorf("%s: %v, %v\n%s", line, ok, err, diff)
		}
	}
	for _, line := range []string{
		`12<a> write(1</x>, "abc"..., 9) = 9`, `write(1, "a", 1) = 1`, `12<a> write(`, `12<a> execve("x", ["y`, ``,
	} {
		if _, ok, err := parseLine(line); ok || err == nil {
			t.Errorf("%q was read", line)
		}
	}
	for _, line := range []string{
		`12<a> +++ exited with 0 +++`, `12<a> <... write resumed>) = 3`,
		`12<a> openat(AT_FDCWD</>, "/x", O_RDONLY) = 3</x>`,
	} {
		if _, ok, err := parseLine(line); ok || err != nil {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
	}
}

// TestReadTrace_neverMade: only where its thread then ends may the beginning of a call be
// what the reader does not know.
func TestReadTrace_neverMade(t *testing.T) {
	// As strace 6.1 wrote it; a program had just printed 20 bytes, and 20 is writev.
	const begun = `7<a> writev(0</dev/pts/3>, [{iov_base=0x203a74696b726361, iov_len=18446744073709551615}], 20` +
		" <unfinished ...>\n"
	const end, other = "7<a> +++ exited with 130 +++\n", `8<a> write(2</x>, "a", 1) = 1` + "\n"
	for trace, want := range map[string]bool{
		begun + end:                            true,
		begun + other + end + other:            true,
		begun:                                  false,
		begun + "8<a> +++ exited with 0 +++\n": false,
		begun + "7<a> <... writev resumed>) = 20\n" + end:              false,
		begun + "7<a> ???( <unfinished ...>\n" + end:                   false,
		strings.Replace(begun, " <unfinished ...>", ") = 20", 1) + end: false,
	} {
		seen := 0
		err := readTrace(strings.NewReader(trace), func(e event) { seen += len(e.data) })
		if (err == nil) != want || seen != strings.Count(trace, `"a"`) && want {
			t.Errorf("%d bytes, %v:\n%s", seen, err, trace)
		}
	}
}

// No line makes the reader fail otherwise than by saying so, and what it reads as
// written is no longer than the line.
func FuzzParseLine(f *testing.F) {
	f.Add(`12<a> write(1<pipe:[7]>, "a\n\303", 3) = 3`)
	f.Add(`12<a> writev(3</x>, [{iov_base="ab", iov_len=2}], 1) = 2`)
	f.Add(`12<a> execve("/bin/true", ["true"], []) = 0`)
	f.Fuzz(func(t *testing.T, line string) {
		e, ok, err := parseLine(line)
		if ok && err != nil || len(e.data) > len(line) {
			t.Errorf("%+v, %v, %v", e, ok, err)
		}
	})
}

func TestScanner(t *testing.T) {
	s := &scanner{
		matcher: NewMatcher([]string{"made-up-secret"}), streams: map[string][]byte{}, modes: map[string]uint64{},
	}
	for _, e := range []event{
		{kind: eventWrite, fd: 5, path: "/tmp/log", program: "x", data: []byte("a made-up")},
		{kind: eventWrite, fd: 5, path: "/tmp/log", program: "x", data: []byte("-secret\nb")},
		{kind: eventWrite, fd: 5, path: "/tmp/log", program: "x", data: bytes.Repeat([]byte("z"), 3*window)},
		{kind: eventWrite, fd: 5, path: "socket:[1]", program: "x", data: []byte("made-up-secret")},
		{kind: eventWrite, fd: 5, path: "/tmp/obj", program: "compile", data: []byte("made-up-secret")},
	} {
		s.event(e)
	}
	if len(s.found) != 1 || s.found[0].Place != "/tmp/log" || s.found[0].line != "a made-up-secret" {
		t.Errorf("%+v", s.found)
	}
}
