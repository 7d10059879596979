package recording

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a recorder keeps of a manifest is its JSON; the digest shows how it was
// laid out.
func TestWithDigest(t *testing.T) {
	const compact = `{"schemaVersion":2,"a":[],"b":{"c":["ü<&>","😀"],"d":1.50}}`
	spaced := func(eol, indent, colon string) string {
		one, two, three := indent, indent+indent, indent+indent+indent
		return "{" + eol + one + `"schemaVersion"` + colon + "2," + eol + one + `"a"` + colon + "[]," + eol + one +
			`"b"` + colon + "{" + eol +
			two + `"c"` + colon + "[" + eol + three + `"ü<&>",` + eol + three + `"😀"` + eol + two + "]," + eol + two +
			`"d"` + colon + "1.50" + eol + one + "}" + eol + "}"
	}
	for name, original := range map[string]string{
		"unchanged":              compact,
		"with a newline":         compact + "\n",
		"spaces after commas":    `{"schemaVersion": 2, "a": [], "b": {"c": ["ü<&>", "😀"], "d": 1.50}}`,
		"spaces after colons":    `{"schemaVersion": 2,"a": [],"b": {"c": ["ü<&>","😀"],"d": 1.50}}`,
		"escaped as Go does":     `{"schemaVersion":2,"a":[],"b":{"c":["ü\u003c\u0026\u003e","😀"],"d":1.50}}`,
		"escaped as Python does": `{"schemaVersion": 2, "a": [], "b": {"c": ["\u00fc<&>", "\ud83d\ude00"], "d": 1.50}}`,
		"indented by 0":          spaced("\n", "", ": "),
		"indented by 1":          spaced("\n", " ", ": "),
		"indented by 2":          spaced("\n", "  ", ": "),
		"indented by 3":          spaced("\n", "   ", ": ") + "\n",
		"indented by 4":          spaced("\n", "    ", ": "),
		"indented by a tab":      spaced("\n", "\t", ": "),
		"no space after colons":  spaced("\n", "  ", ":"),
		"lines end in CRLF":      spaced("\r\n", "  ", ": ") + "\r\n",
	} {
		for _, kept := range []string{compact, spaced("\n", "      ", ": "), original} {
			if got, ok := withDigest(kept, Digest(original)); !ok || got != original {
				t.Errorf("%s: %q, want %q", name, got, original)
			}
		}
	}
	for name, c := range map[string]struct{ kept, original string }{
		"other keys":  {compact, `{"schemaVersion":2}`},
		"other order": {`{"a":1,"b":2}`, `{"b":2,"a":1}`},
		"five spaces": {compact, spaced("\n", "     ", ": ")},
		"no JSON":     {"{", "{}"},
	} {
		if got, ok := withDigest(c.kept, Digest(c.original)); ok || got != c.kept {
			t.Errorf("%s: %q was found", name, got)
		}
	}
}

// The largest text that is laid out again, and one byte more.
func TestLargestJSON(t *testing.T) {
	most := `{"a":"` + strings.Repeat("x", 4<<20-8) + `"}`
	for text, want := range map[string]bool{most: true, strings.Replace(most, "x", "xx", 1): false} {
		if _, ok := withDigest(text, Digest(text+"\n")); ok != want {
			t.Errorf("%d bytes: found %t, want %t", len(text), ok, want)
		}
	}
}

func TestRecoverBytes(t *testing.T) {
	const kept, original = `{"a":1}`, "{\n   \"a\": 1\n}"
	digest := Digest(original)
	exchange := func(method, path string, status int, answer string) Exchange {
		x := Exchange{Method: method, URL: &url.URL{Path: path}, Status: status, Body: kept,
			Content: kept, Answer: http.Header{}}
		if answer != "" {
			x.Answer.Set("Docker-Content-Digest", answer)
		}
		return x
	}
	other := Digest("other")
	r := &Recording{Exchanges: []Exchange{
		exchange("PUT", "/v2/a/manifests/v1", 201, digest),
		exchange("PUT", "/v2/a/b/manifests/"+digest, 201, ""),
		exchange("GET", "/v2/a/manifests/v1", 200, digest),
		exchange("GET", "/v2/a/blobs/"+digest, 200, ""),
		exchange("PUT", "/v2/a/manifests/v1", 201, other),
		exchange("GET", "/v2/a/manifests/v1", 200, other),
		exchange("PUT", "/v2/a/manifests/"+other, 400, ""),  // refused: nothing was pushed
		exchange("HEAD", "/v2/a/manifests/v1", 200, digest), // without content
		exchange("GET", "/v2/a/blobs/"+other, 206, ""),      // a part
		exchange("GET", "/v2/a/manifests/v1", 200, "sha256:00"),
	}}
	recoverBytes(r)
	var got []string
	for _, x := range r.Exchanges {
		line := map[bool]string{true: "body ", false: ""}[x.Body == original] + map[bool]string{true: "content ",
			false: ""}[x.Content == original]
		line += map[bool]string{true: "body lost ", false: ""}[x.BodyLost] + map[bool]string{true: "content lost",
			false: ""}[x.ContentLost]
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{"body ", "body ", "content ", "content ", "body lost ", "content lost", "", "", "",
		""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
