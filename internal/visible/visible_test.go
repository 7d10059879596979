package visible_test

import (
	"encoding/json"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/acrkit/acrkit/internal/visible"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"plain text, ü, 日本語, עברית, é":    "plain text, ü, 日本語, עברית, é",
		"a\tb\nc\rd\u0085e\u2028f\u2029g": "a b c d e f g",
		"\x1b[31mred\x07\x7f":             "\uFFFD[31mred\uFFFD\uFFFD",
		"\u009b31m":                       "\uFFFD31m",
		"app\u202egpj.exe":                "app\uFFFDgpj.exe",
		"\u2066x\u2069":                   "\uFFFDx\uFFFD",
		"a\u200bb\u200cc\u200dd\ufeffe":   "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe",
		"so\u00adft":                      "so\uFFFDft",
		"\U000E0041\U000E007F":            "\uFFFD\uFFFD",
		"v\ufe0f\U000E0100":               "v\uFFFD\uFFFD",
		"a\u3164b\u115f":                  "a\uFFFDb\uFFFD",
		"\ue000\U0010FFFD\U0003FFFE":      "\uFFFD\uFFFD\uFFFD",
		"bad \xff\xc0\xaf utf8":           "bad \uFFFD\uFFFD\uFFFD utf8",
		"\U0001F469\u200d\U0001F4BB":      "\U0001F469\uFFFD\U0001F4BB",
		"non\u00a0breaking \U0001F600":    "non\u00a0breaking \U0001F600",
	} {
		if got := visible.Line(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if visible.IsLine(in) != (in == want) {
			t.Errorf("%q: IsLine is %t", in, visible.IsLine(in))
		}
	}
	if got := visible.Text("a\n\tb\rc\u2028\u202e\x1b"); got != "a\n\tb\uFFFDc\uFFFD\uFFFD\uFFFD" {
		t.Errorf("%q", got)
	}
}

// TestCategories: of each character there is, by Unicode's categories and not by a
// list of ours.
func TestCategories(t *testing.T) {
	hidden := []*unicode.RangeTable{
		unicode.C,
		unicode.Zl,
		unicode.Zp,
		unicode.Variation_Selector,
		unicode.Bidi_Control,
		unicode.Join_Control,
		unicode.Other_Default_Ignorable_Code_Point,
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue // no character
		}
		kept := visible.Line(string(r)) == string(r)
		if kept && unicode.In(r, hidden...) {
			t.Errorf("%U is shown", r)
		}
		if !kept && unicode.IsPrint(r) && !unicode.In(r, hidden...) {
			t.Errorf("%U is not shown", r)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "plain", "\u202e\u2028\u007f\u0085", "\U000E0041\U0001F600", "\"\\\n", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in, err := json.Marshal(map[string]string{"name": s})
		if err != nil {
			t.Fatal(err)
		}
		out := visible.JSON(in)
		var was, is map[string]string
		if err := json.Unmarshal(in, &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &is); err != nil || is["name"] != was["name"] {
			t.Fatalf("%v: %q became %q", err, was["name"], is["name"])
		}
		if !visible.IsLine(string(out)) {
			t.Errorf("%q", out)
		}
		for _, shown := range []string{visible.Line(s), visible.Text(s)} {
			if !utf8.ValidString(shown) || visible.Text(shown) != shown {
				t.Errorf("%q", shown)
			}
		}
	})
}
