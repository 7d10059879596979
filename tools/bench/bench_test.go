package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestCompare runs every measure once, tiny, with all servers: that they start,
// answer what is expected, and stop. Its figures say nothing.
func TestCompare(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := config{rounds: 1, slice: 20 * time.Millisecond, size: sizes{repositories: 120, tags: 100, layer: 1 << 20},
		cache: filepath.Join(cache, "acrkit-bench"), out: &out, log: t.Output()}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, w := range workloads() {
		if !strings.Contains(out.String(), "| "+w.title+" |") {
			t.Errorf("no row for %q in\n%s", w.title, out.String())
		}
	}
	for _, title := range []string{"push of 1 GiB", "pull of 1 GiB", "writing 10,000 tags",
		"first answer, on that content"} {
		if !regexp.MustCompile(`\| ` + title + ` \|.*[0-9].*\|`).MatchString(out.String()) {
			t.Errorf("no row for %q in\n%s", title, out.String())
		}
	}
}

func TestGrow(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := config{rounds: 1, slice: 20 * time.Millisecond, growth: 1200, cache: filepath.Join(cache, "acrkit-bench"),
		out: &out, log: t.Output()}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| 1,200 tags |") {
		t.Error(out.String())
	}
}

func TestProxied(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := config{rounds: 1, slice: 20 * time.Millisecond, proxy: true,
		size:  sizes{repositories: 120, tags: 100, layer: 1 << 20},
		cache: filepath.Join(cache, "acrkit-bench"), out: &out, log: t.Output()}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"push of 1 GiB", "pull of 1 GiB", "20,000 GETs of a manifest",
		"pull of 256 MiB over that link"} {
		if !regexp.MustCompile(`\| ` + title + ` \|.*[0-9].*\|`).MatchString(out.String()) {
			t.Errorf("no row for %q in\n%s", title, out.String())
		}
	}
}

func TestCommand_refuses(t *testing.T) {
	for _, args := range [][]string{
		{"-rounds", "0"}, {"-slice", "0"}, {"-growth", "5"}, {"x"}, {"-only", "("}, {"-write", "x", "-only", "start"},
		{"-unknown"}, {"-proxy", "-growth", "1000"},
	} {
		if err := command(t.Context(), args, t.Output(), t.Output()); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
	if got := ratios([]float64{10, 30, 5}, []float64{5, 10, 0}); fmt.Sprint(got) != "[2 3]" {
		t.Errorf("ratios %v, want round by round without the division by 0", got)
	}
}

func TestGoal(t *testing.T) {
	for _, c := range []struct {
		goal  goal
		ratio spread
		value float64
		want  bool
	}{
		{atLeast(5, 4), spread{5, 4, 6}, 0, true},
		{atLeast(5, 4), spread{6, 3.9, 9}, 0, false},
		{atLeast(5, 0), spread{4.9, 4, 9}, 0, false},
		{atMost(1.1), spread{1.1, 1, 2}, 0, true},
		{atMost(1.1), spread{1.2, 1, 2}, 0, false},
		{perSecond(1000), spread{}, 999, false},
		{perSecond(1000), spread{}, 1000, true},
		{mebibytes(48), spread{}, 48.1, false},
	} {
		if got := c.goal.met(c.ratio, c.value); got != c.want {
			t.Errorf("%s with %v and %v: %v, want %v", c.goal, c.ratio, c.value, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 12345: "12,345",
		1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestReplaceSection(t *testing.T) {
	doc := "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n"
	got, err := replaceSection([]byte(doc), "x", "new\n")
	if want := strings.Replace(doc, "old", "new", 1); err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := replaceSection([]byte(doc), "y", ""); err == nil {
		t.Error("a section that is not there was replaced")
	}
	// The document has what the command writes.
	for _, section := range []string{"servers", "growth"} {
		b, err := os.ReadFile("../../docs/benchmarks.md")
		if err == nil {
			_, err = replaceSection(b, section, "")
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func reading(t testing.TB, answer string) *conn {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return &conn{a, bufio.NewReaderSize(strings.NewReader(answer), maxLine)}
}

func TestRead(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, answer string
		want         want
		result       string // status, size, body, location; "" = refused
	}{
		{"counted", ok + "content-LENGTH: 3\r\n\r\nabc", wantBody, "200 3 abc "},
		{"dropped", ok + "Content-Length: 3\r\n\r\nabc", wantNothing, "200 3  "},
		{"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", wantBody, "200 3 abc "},
		{"head", ok + "Content-Length: 3\r\n\r\n", isHead, "200 0  "},
		{"created", "HTTP/1.1 201 Created\r\nLocation: http://h:1/a?b\r\nContent-Length: 0\r\n\r\n", wantHeaders,
			"201 0  /a?b"},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", wantNothing, "204 0  "},
		{"broken off", ok + "Content-Length: 3\r\n\r\nab", wantNothing, ""},
		{"broken chunk", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", wantNothing, ""},
		{"negative", ok + "Content-Length: -3\r\n\r\n", wantNothing, ""},
		{"no length", ok + "\r\n", wantNothing, ""},
		{"no header", ok + "x\r\n\r\n", wantNothing, ""},
		{"no http", "HTTP/1.0 200 OK\r\n\r\n", wantNothing, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := reading(t, c.answer).read(c.want)
			got := fmt.Sprintf("%d %d %s %s", r.status, r.size, r.body, pathOf(r.location))
			if c.result == "" {
				if err == nil {
					t.Errorf("taken: %s", got)
				}
				return
			}
			if err != nil || got != c.result {
				t.Errorf("%q %v, want %q", got, err, c.result)
			}
		})
	}
}

// FuzzRead: reading ends for every answer of a server, and a kept body is as long
// as was counted.
func FuzzRead(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		r, err := reading(t, answer).read(wantBody | wantHeaders)
		if err != nil {
			return
		}
		if int64(len(r.body)) != r.size || r.size > maxKept {
			t.Errorf("%d bytes kept, %d counted", len(r.body), r.size)
		}
		if r.status < 0 || r.status > 999 {
			t.Errorf("status %d", r.status)
		}
	})
}

func TestNext(t *testing.T) {
	for link, want := range map[string]string{
		"": "", `</v2/_catalog?last=a&n=2>; rel="next"`: "/v2/_catalog?last=a&n=2",
		`<http://h/x?y>; rel="next"`: "/x?y",
	} {
		if got := (reply{link: link}).next(); got != want {
			t.Errorf("%s: %s, want %s", link, got, want)
		}
	}
}

func TestProfileOverlay(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for target, source := range profileOverlay(root) {
		if _, err := os.Stat(source); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Dir(target)); err != nil {
			t.Error(err)
		}
	}
}
