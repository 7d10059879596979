package difftest_test

import (
	"testing"

	"github.com/acrkit/acrkit/internal/difftest"
)

func TestDiff(t *testing.T) {
	type pair struct{ a, b any }
	for want, p := range map[string]pair{
		"":                                 {[]string{"a"}, []string{"a"}},
		"- 1\n+ 2":                         {1, 2},
		"- []string(nil)\n+ []string{}":    {[]string(nil), []string{}},
		"- \"a\"\n+ \"b\"":                 {"a", "b"},
		"- \"a\"\n+ 1":                     {"a", 1},
		"- line 2: \"b\"\n+ line 2: \"c\"": {"a\nb\nd", "a\nc\nd"},
		"- line 2: \"b\"\n+ line 2: \"\"":  {"a\nb\nc", "a\n"},
		"- line 2: \"\"\n+ line 2: \"x\"":  {"a\n", "a\nx"},
	} {
		if got := difftest.Diff(p.a, p.b); got != want {
			t.Errorf("Diff(%#v, %#v) = %q, want %q", p.a, p.b, got, want)
		}
	}
}
