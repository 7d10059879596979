package iostreams

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	write := func(s *IOStreams) {
		table := s.NewTable("NAME", "TEXT")
		for _, row := range [][]string{{"a", "first"}, {"long-name", "se\x1b[31mcond " + strings.Repeat("x", 100)}} {
			if err := table.Row(row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("pipe", func(t *testing.T) {
		s, _, out, _ := Test()
		write(s)
		want := "a\tfirst\nlong-name\tse\uFFFD[31mcond " + strings.Repeat("x", 100) + "\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("terminal", func(t *testing.T) {
		s, _, out, _ := Test()
		s.SetTTY(true, true, true)
		s.width = 200
		write(s)
		want := "NAME       TEXT\na          first\nlong-name  se\uFFFD[31mcond " + strings.Repeat("x", 100) + "\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTable_narrow: in a narrow terminal times become dates, text is wrapped, and then each row
// is a block. No word is cut, at any width.
func TestTable_narrow(t *testing.T) {
	header := []string{"ACTION", "REPOSITORY", "COUNT", "LAST USED", "WHY"}
	rows := [][]string{
		{"content/read", "team/app", "12", "2026-11-30T17:23:45Z", "it was used"},
		{"content/write", "team/a-long-name", "0", "-", "only repositories of the same team were pushed to then"},
		{"metadata/read", "*", "3", "2026-11-01T00:00:00Z", ""},
	}
	write := func(width int, header []string, rows ...[]string) string {
		s, _, out, _ := Test()
		s.SetTTY(true, true, true)
		s.width = width
		table := s.NewTable(header...)
		for _, row := range rows {
			if err := table.Row(slices.Clone(row)...); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for width, want := range map[int]string{
		140: `
ACTION         REPOSITORY        COUNT  LAST USED             WHY
content/read   team/app          12     2026-11-30T17:23:45Z  it was used
content/write  team/a-long-name  0      -                     only repositories of the same team were pushed to then
metadata/read  *                 3      2026-11-01T00:00:00Z
`,
		80: `
ACTION         REPOSITORY        COUNT  LAST USED   WHY
content/read   team/app          12     2026-11-30  it was used
content/write  team/a-long-name  0      -           only repositories of the
                                                    same team were pushed to
                                                    then
metadata/read  *                 3      2026-11-01
`,
		60: `
ACTION  REPOSITORY
content/read  team/app
    count      12
    last used  2026-11-30T17:23:45Z
    why        it was used
content/write  team/a-long-name
    count      0
    why        only repositories of the same team were
               pushed to then
metadata/read  *
    count      3
    last used  2026-11-01T00:00:00Z
`,
	} {
		if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), write(width, header, rows...)); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
	for width := 1; width < 150; width++ {
		got := write(width, header, rows...)
		words := strings.Fields(got)
		for _, row := range rows {
			for _, word := range strings.Fields(strings.ReplaceAll(strings.Join(row, " "), " - ", " ")) {
				date, _, _ := strings.Cut(word, "T")
				if !slices.Contains(words, word) && !(isTime(word) && slices.Contains(words, date)) {
					t.Errorf("%d columns: %q is not there whole:\n%s", width, word, got)
				}
			}
		}
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width >= 40 && n > width {
				t.Errorf("%d columns: %q has %d", width, line, n)
			}
		}
	}
	list := "repositories/team/app/content/read,repositories/team/app/content/write,repositories/*/metadata/read"
	if got, want := write(60, []string{"MAP", "ACTIONS"}, []string{"all", "and " + list}), `MAP
all
    actions  and repositories/team/app/content/read,
             repositories/team/app/content/write,
             repositories/*/metadata/read
`; got != want {
		t.Errorf("a long word: %s", got)
	}
	// A list of names is one, however long they are.
	long := strings.Repeat("n", 50)
	if got, want := write(20, []string{"NAME"}, []string{long}, []string{"a"}), "NAME\n"+long+"\na\n"; got != want {
		t.Errorf("names: %q, want %q", got, want)
	}
}

func TestAwait(t *testing.T) {
	for _, tc := range []struct {
		name     string
		out, err bool
		run      func(s *IOStreams)
		want     string
	}{
		{"short", true, true, func(s *IOStreams) {
			done := s.Await("waiting")
			time.Sleep(awaitDelay / 2)
			done()
			time.Sleep(awaitDelay)
		}, ""},
		{"long", true, true, func(s *IOStreams) {
			done := s.Await("waiting")
			time.Sleep(2 * awaitDelay)
			done()
			done()
		}, "waiting\r       \r"},
		{"written_meanwhile", true, true, func(s *IOStreams) {
			defer s.Await("waiting")()
			time.Sleep(2 * awaitDelay)
			io.WriteString(s.ErrOut, "data\n")
		}, "waiting\r       \rdata\n"},
		{"progress", true, true, func(s *IOStreams) {
			defer s.Await("waiting")()
			s.Progress("too soon")
			time.Sleep(2 * awaitDelay)
			s.Progress("half")
		}, "waiting\r       \rhalf\r    \r"},
		{"two_at_once", true, true, func(s *IOStreams) {
			one, two := s.Await("waiting"), s.Await("other")
			time.Sleep(awaitDelay / 2)
			one()
			time.Sleep(awaitDelay)
			two()
		}, "waiting\r       \r"},
		{"retry", true, true, func(s *IOStreams) {
			s.AwaitFor(30*time.Second, "in 30 s")
			time.Sleep(31 * time.Second)
		}, "in 30 s\r       \r"},
		{"short_retry", true, true, func(s *IOStreams) {
			s.AwaitFor(awaitDelay/4, "soon")
			time.Sleep(awaitDelay)
		}, ""},
		{"out_is_a_pipe", false, true, func(s *IOStreams) {
			s.AwaitFor(30*time.Second, "x")
			time.Sleep(time.Minute)
		}, ""},
		{"err_is_a_pipe", true, false, func(s *IOStreams) {
			s.AwaitFor(30*time.Second, "x")
			time.Sleep(time.Minute)
		}, ""},
		{"wide", true, true, func(s *IOStreams) {
			s.width = 5
			defer s.Await("waiting")()
			time.Sleep(2 * awaitDelay)
		}, "wai…\r    \r"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, out, errOut := Test()
				s.SetTTY(true, tc.out, tc.err)
				tc.run(s)
				synctest.Wait()
				if diff := cmp.Diff(tc.want, errOut.String()); diff != "" || out.Len() > 0 {
					t.Errorf("%s; stdout %q", diff, out)
				}
			})
		})
	}
}

func TestOutError(t *testing.T) {
	s := &IOStreams{Out: failing{}, ErrOut: io.Discard}
	s.wrap()
	if err := s.OutError(); err != nil {
		t.Error(err)
	}
	io.WriteString(s.Out, "x")
	if err := s.OutError(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestColorWanted(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		tty  bool
		want bool
	}{
		{nil, true, true},
		{nil, false, false},
		{map[string]string{"NO_COLOR": "1"}, true, false},
		{map[string]string{"NO_COLOR": ""}, true, true},
		{map[string]string{"TERM": "dumb"}, true, false},
		{map[string]string{"CLICOLOR_FORCE": "1"}, false, true},
		{map[string]string{"CLICOLOR_FORCE": "0"}, false, false},
		{map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, true, false},
	} {
		lookup := func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok }
		if got := colorWanted(lookup, tc.tty); got != tc.want {
			t.Errorf("%v, tty %t: %t", tc.env, tc.tty, got)
		}
	}
}

// TestFilter: a terminal is shown text and the styles of this package, however it is
// cut into writes; data in a pipe is as it came, and what is said never is.
func TestFilter(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n\tüבé\n":              "plain\n\tüבé\n",
		"\x1b[31mred\x1b[0m \x1b[1mx": "\x1b[31mred\x1b[0m \x1b[1mx",
		"\x1b[2J\x1b[5mx\x1b]0;t\x07": "\uFFFD[2J\uFFFD[5mx\uFFFD]0;t\uFFFD",
		"\x1b\x1b[0m.":                "\uFFFD\x1b[0m.",
		"a\u202eb\u2066c\u200dd":      "a\uFFFDb\uFFFDc\uFFFDd",
		"line\r\nback\rto\n":          "line\r\nback\uFFFDto\n",
		"\u009b2J\u2028\ufe0f\xff.":   "\uFFFD2J\uFFFD\uFFFD\uFFFD.",
		"\xf0\x9f\x98\x80\xe2\x80.":   "\U0001F600\uFFFD\uFFFD.",
	} {
		for cut := range len(in) + 1 {
			s, _, out, errOut := Test()
			s.SetTTY(true, true, true)
			for _, part := range []string{in[:cut], in[cut:]} {
				for _, w := range []io.Writer{s.Out, s.ErrOut} {
					if n, err := io.WriteString(w, part); n != len(part) || err != nil {
						t.Fatalf("%d of %d written, %v", n, len(part), err)
					}
				}
			}
			if out.String() != want || errOut.String() != want {
				t.Errorf("%q cut at %d: %q and %q, want %q", in, cut, out, errOut, want)
			}
		}
		s, _, out, errOut := Test()
		_, _ = io.WriteString(s.Out, in)
		_, _ = io.WriteString(s.ErrOut, in)
		if out.String() != in || errOut.String() != want {
			t.Errorf("in a pipe: %q and %q", out, errOut)
		}
	}
}
