package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestSecret(t *testing.T) {
	s := redact.NewSecret("hunter2")
	type nested struct {
		Public  redact.Secret
		private redact.Secret
		pointer *redact.Secret
		deep    struct{ s []redact.Secret }
	}
	n := nested{s, s, &s, struct{ s []redact.Secret }{[]redact.Secret{s}}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "n", n)
	j, err := json.Marshal(map[string]any{"s": s, "n": n})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%T", "%08b"} {
		shown += fmt.Sprintf(verb+" "+verb+" "+verb+" "+verb, s, &s, n, &n)
	}
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2"),
		"104 117 110"} {
		if strings.Contains(shown, leak) {
			t.Errorf("%q is shown in %s", leak, shown)
		}
	}
	if s.Reveal() != "hunter2" || (redact.Secret{}).Reveal() != "" || !(redact.Secret{}).IsZero() {
		t.Error("Reveal")
	}
}

func TestSecret_equal(t *testing.T) {
	for _, tc := range []struct {
		a, b redact.Secret
		want bool
	}{
		{redact.NewSecret("hunter2"), redact.NewSecret("hunter2"), true},
		{redact.NewSecret("hunter2"), redact.NewSecret("hunter3"), false},
		{redact.NewSecret("hunter2"), redact.NewSecret("hunter"), false},
		{redact.NewSecret("hunter2"), redact.Secret{}, false},
		{redact.NewSecret(""), redact.Secret{}, true},
		{redact.Secret{}, redact.Secret{}, true},
	} {
		if tc.a.Equal(tc.b) != tc.want || tc.b.Equal(tc.a) != tc.want {
			t.Errorf("%q and %q: want %t", tc.a.Reveal(), tc.b.Reveal(), tc.want)
		}
	}
}

func TestURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://u:p@r.azurecr.io/v2/" +
			"a%2Fb/tags/list?n=5&last=x#frag": "https://r.azurecr.io/v2/a%2Fb/tags/list?n=5&last=x",
		"https://r.azurecr.io/v2/a/blobs/uploads/u?" +
			"_state=abc&digest=sha256:00": "https://r.azurecr.io/v2/a/blobs/uploads/u?" +
			"_state=[redacted]&digest=sha256:00",
		"https://x.blob.core.windows.net/a?" +
			"se=1&sig=abc%3D&sp=r": "https://x.blob.core.windows.net/a?se=[redacted]&sig=[redacted]&sp=[redacted]",
		"https://r/?pass%77ord=x&flag&last=eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln&a " +
			"b=c&%zz=top": "https://r/?pass%77ord=[redacted]&flag=[redacted]&last=[redacted]&[redacted]&[redacted]",
		"mailto:secret": "mailto:[redacted]",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := redact.URL(u); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if redact.URL(nil) != "" {
		t.Error("nil")
	}
}

func TestHeader(t *testing.T) {
	in := http.Header{
		"Authorization": {"Bearer abc", "Basic abc", "abc"}, "Cookie": {"a=b"}, "X-Api-Key": {"abc"},
		"Content-Type": {"text/plain"},
		"Location":     {"/v2/a/blobs/uploads/u?_state=abc", "\x7f"}, "www-authenticate": {`Bearer realm="x"`},
	}
	want := http.Header{
		"Authorization": {"Bearer [redacted]", "Basic [redacted]", "[redacted]"}, "Cookie": {"[redacted]"},
		"X-Api-Key": {"[redacted]"}, "Content-Type": {"text/plain"},
		"Location": {"/v2/a/blobs/uploads/u?_state=[redacted]", "[redacted]"}, "Www-Authenticate": {`Bearer realm="x"`},
	}
	if diff := difftest.Diff(want, redact.Header(in)); diff != "" {
		t.Error(diff)
	}
	if in.Get("Authorization") != "Bearer abc" {
		t.Error("the header was changed")
	}
}

func TestText_spellings(t *testing.T) {
	for _, secret := range []string{`aB3+dE/fG=h&i<j>k"l'm\n%o p`, "hunter2+hunter2/ü€😀=",
		"correct-horse-battery-staple", "secret/+"} {
		inJSON, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		entities, dotnet := "", ""
		for _, r := range secret {
			if r > 0x7f || strings.ContainsRune(`+/=&<>"'`, r) {
				entities += fmt.Sprintf("&#x%X;", r)
			} else {
				entities += string(r)
			}
		}
		for _, c := range []byte(secret) { // what .NET's encoders leave, lower case
			if c > ' ' && c != '"' && c != '\\' && c < 0x7f && c != '+' && c != '&' && c != '\'' && c != '<' &&
				c != '>' {
				dotnet += string(rune(c))
			} else if c < 0x7f {
				dotnet += fmt.Sprintf(`\u%04X`, c)
			}
		}
		spelled := map[string]string{
			"raw": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
			"lower-case percent": lowerEscapes(url.QueryEscape(secret)),
			"html":               html.EscapeString(secret), "entities": entities,
			"json": string(inJSON[1 : len(inJSON)-1]),
		}
		if secret[0] != 'h' { // with characters beyond ASCII, JSON's is the same
			spelled["dotnet"] = dotnet
		}
		for _, user := range []string{"", "u:", "us:", "ci-pull:"} {
			pair := []byte(user + secret)
			spelled["basic "+user] = base64.StdEncoding.EncodeToString(pair)
			spelled["url-safe basic "+user] = base64.RawURLEncoding.EncodeToString(pair)
			spelled["escaped basic "+
				user] = url.QueryEscape(base64.StdEncoding.EncodeToString(append(pair, " and more"...)))
		}
		for name, text := range spelled {
			got := redact.Text("before "+text+" after", redact.NewSecret(secret))
			if got != "before [redacted] after" {
				t.Errorf("%s of %q: %q shows as %q", name, secret, text, got)
			}
		}
	}
	const harmless = "the token ci-pull of samples/app was not accepted; dGhlIHRva2Vu"
	for _, secret := range []string{"", "a", "ab", "correct-horse+battery", strings.Repeat("x+", 400),
		"\xff\xfe+\xfd"} {
		if got := redact.Text(harmless, redact.NewSecret(secret)); got != harmless {
			t.Errorf("%q changed to %q", harmless, got)
		}
	}
	long := strings.Repeat("x+", 400)
	for _, text := range []string{long, url.QueryEscape(long), base64.StdEncoding.EncodeToString([]byte(long))} {
		if got := redact.Text("a "+text, redact.NewSecret(long)); got != "a [redacted]" {
			t.Errorf("a long secret shows as %q", got)
		}
	}
}

func lowerEscapes(s string) string {
	return regexp.MustCompile("%[0-9A-F]{2}").ReplaceAllStringFunc(s, strings.ToLower)
}

// For any secret and any text around it, no common spelling is shown.
func FuzzText(f *testing.F) {
	f.Add("correct-horse", "a", "b")
	f.Add("p@ss+w/rd=", "", "")
	f.Add(`\"'<>&;`, "[", "]")
	f.Add(" 000", "", "\x00000")
	f.Add("a\nb\x00c", "", "")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < 4 || strings.Contains(redact.Mark, secret) {
			return
		}
		for _, spelled := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret),
			html.EscapeString(secret)} {
			if strings.Contains(before, spelled) || strings.Contains(after, spelled) || strings.Contains(spelled, "[") {
				return
			}
			if got := redact.Text(before+" "+spelled+" "+after, redact.NewSecret(secret)); strings.Contains(got,
				spelled) {
				t.Fatalf("%q comes through as %q in %q", secret, spelled, got)
			}
		}
	})
}

// No part of the URL that is not on the list comes through.
func FuzzURL(f *testing.F) {
	f.Add("https://r/a?b=%s", "hunter2")
	f.Add("https://%s@r/", "hunter2")
	f.Add("https://r/?a=1&%s=2;c", "hunter2")
	f.Fuzz(func(t *testing.T, format, _ string) {
		const secret = "hunter2hunter2"
		u, err := url.Parse(strings.ReplaceAll(format, "%s", secret))
		if err != nil || strings.Contains(u.Host, secret) || strings.Contains(u.Path, secret) ||
			strings.Contains(u.Scheme, secret) {
			return
		}
		shown := redact.URL(u)
		if !strings.Contains(shown, secret) {
			return
		}
		for part := range strings.SplitSeq(u.RawQuery, "&") {
			key, value, _ := strings.Cut(part, "=")
			if strings.Contains(key, secret) {
				return // the name of a parameter is no secret
			}
			name, _ := url.QueryUnescape(key)
			switch name {
			case "account", "api-version", "artifactType", "client_id", "digest", "from", "last", "mount", "n", "name",
				"offline_token", "orderby", "scope", "service":
				if strings.Contains(value, secret) {
					return
				}
			}
		}
		t.Fatalf("%s shows %s", u, shown)
	})
}

// TestText_hostile: what is not shown is taken out first, so that it neither reaches
// the screen nor keeps a secret from being found.
func TestText_hostile(t *testing.T) {
	secret := redact.NewSecret("pass\u200bword\x07-1")
	got := redact.Text("a\u202eb\x1b[2J\nsaid "+secret.Reveal()+" and pass\uFFFDword\uFFFD-1", secret)
	if want := "a\uFFFDb\uFFFD[2J said " + redact.Mark + " and " + redact.Mark; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
