package errtext

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNeeds: what a pattern matches holds one of the words that are looked for first.
func TestNeeds(t *testing.T) {
	all := []pattern{urlMention, hostMention, placeMention, command, noBody, signs}
	for _, g := range grammars {
		all = append(all, g.words)
	}
	for _, s := range sentences {
		all = append(all, s.words)
	}
	for _, m := range marks {
		all = append(all, m.words)
	}
	files, err := filepath.Glob("../../interop/captures/*/*.txt")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	matched := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := clean(string(data))
		for _, p := range all {
			if p.re().MatchString(text) {
				matched++
				if !p.in(strings.ToLower(text)) {
					t.Errorf("%s matches %s and has none of %q", file, p, p.once().needs)
				}
			}
		}
	}
	if matched < 500 {
		t.Errorf("%d matches", matched)
	}
	for _, p := range all {
		if p.once().needs == nil {
			t.Errorf("nothing is known of %s", p)
		}
	}
}

// TestEnd: of a text of any length its end is read, from the beginning of a word.
func TestEnd(t *testing.T) {
	for _, n := range []int{MaxText - 1, MaxText, MaxText + 1, 10 << 20} {
		text := strings.Repeat("x", n-5) + " last"
		got := end(text)
		want := n
		if n > MaxText {
			want = len("last")
		}
		if len(got) != want || !strings.HasSuffix(got, "last") {
			t.Errorf("of %d bytes %d are read, want %d", n, len(got), want)
		}
	}
	if got := end(strings.Repeat("x", MaxText+1)); got != "" {
		t.Errorf("half a word of %d bytes is read", len(got))
	}
	if got := len(clean(strings.Repeat("a line of a log\n", 10<<20/16))); got > MaxText {
		t.Errorf("%d bytes of 10 MiB are read", got)
	}
}

// TestWork: a reader does a bounded amount of work for each mention and each failure,
// for any number and order of them: what it visits grows with the text.
func TestWork(t *testing.T) {
	for name, part := range map[string]string{
		"failures without a host":    "unauthorized: authentication required\n",
		"on one line":                "connection refused; ",
		"hosts":                      "ghcr.io ",
		"hosts and failures":         "ghcr.io denied: x contoso.azurecr.io unauthorized: y\n",
		"unrelated hosts":            "https://example.org/a ",
		"bare references":            `image "a/b" denied: `,
		"steps":                      "failed to fetch oauth token ",
		"steps and failures":         "failed to fetch oauth token: unexpected status: 401 Unauthorized, ",
		"look-ups":                   "lookup a.azurecr.io: no such host ",
		"statuses":                   "status: 500 ",
		"a traceback, and no end":    "_anonymous_exchange_client\n",
		"references of one registry": "contoso.azurecr.io/a/b:v1 ",
	} {
		t.Run(name, func(t *testing.T) {
			visits := func(n int) int {
				r := newReader(clean(strings.Repeat(part, n/len(part))))
				r.events()
				return r.visits
			}
			small, large := visits(MaxText/8), visits(MaxText)
			if large > 16*small+1000 {
				t.Errorf("%d visits for %d bytes, and %d for %d", small, MaxText/8, large, MaxText)
			}
		})
	}
}

// TestWords: in a pattern a space is white space that is there.
func TestWords(t *testing.T) {
	for _, g := range grammars {
		if strings.Contains(g.words.re().String(), `\s+?`) || strings.Contains(g.words.re().String(), `\s+*`) {
			t.Errorf("%s: white space that may be missing is written as such", g.words)
		}
	}
	for _, c := range clients {
		if strings.Contains(c.words.re().String(), `\s+?`) {
			t.Errorf("%s: white space that may be missing is written as such", c.words)
		}
	}
}
