package iostreams

import (
	"strings"
	"testing"

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
		s.SetWidth(24)
		write(s)
		want := "NAME       TEXT\na          first\nlong-name  se\uFFFD[31mcond …\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

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
