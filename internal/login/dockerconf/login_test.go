package dockerconf

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
)

func TestPutLogin(t *testing.T) {
	auth := func(pair string) string { return base64.StdEncoding.EncodeToString([]byte(pair)) }
	entry := `{"auth": "` + auth("ci:new") + `"}`
	for _, tt := range []struct{ name, from, want string }{
		{"missing", "", "{\n\t\"auths\": {\n\t\t\"" + host + "\": " + entry + "\n\t}\n}\n"},
		{"others", `{"auths":{"gcr.io":{"auth":"x"}},"x":[1e3]}`,
			`{"auths":{"gcr.io":{"auth":"x"}, "` + host + `": ` + entry + `},"x":[1e3]}`},
		{"replaced", "{\n  \"auths\": {\n    \"" + host + "\": {\"auth\":\"" + auth("ci:old") + "\"}\n  }\n}",
			"{\n  \"auths\": {\n    \"" + host + "\": " + entry + "\n  }\n}"},
		{"helpers stay", `{"credHelpers":{"a":"b"}}`,
			`{"credHelpers":{"a":"b"}, "auths": {"` + host + `": ` + entry + `}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := PutLogin([]byte(tt.from), host, "ci", "new")
			if diff := cmp.Diff(tt.want, string(got)); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
			if l, err := ReadLogin(got, host); err != nil || l.User != "ci" || l.Secret != "new" {
				t.Errorf("read back: %+v, %v", l, err)
			}
		})
	}
}

func TestReadLogin(t *testing.T) {
	for text, want := range map[string]Login{
		"":                              {},
		"{}":                            {},
		`{"auths":{"` + host + `":{}}}`: {},
		`{"auths":{"` + host + `":{"username":"ci","password":"p"}},"credsStore":"desktop"}`: {"ci", "p", "desktop"},
		`{"auths":{"` + host + `":{"auth":"Y2k6cDpx"}},"credsStore":"all","credHelpers":{"` + host +
			`":"acrkit"}}`: {"ci", "p:q", "acrkit"},
	} {
		if got, err := ReadLogin([]byte(text), host); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"secret-word", "[]", `{"auths":"secret-word"}`, `{"auths":{"` + host +
		`":{"auth":"secret-word"}}}`, `{"auths":{"` + host + `":{"auth":"c2VjcmV0LXdvcmQ="}}}`, "\xef\xbb\xbf{}"} {
		if _, err := ReadLogin([]byte(text), host); err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSetLogin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, secret := range []string{"one", "two"} {
		c, _, ok, err := SetLogin(path, host, "ci", secret)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		c.Modified = at
		if err := c.Apply(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 || !info.ModTime().Equal(at) {
			t.Errorf("%v, %v", info, err)
		}
	}
	_, old, ok, err := SetLogin(path, host, "ci", "two")
	if err != nil || ok || old.User != "ci" || old.Secret != "two" {
		t.Errorf("set twice: %+v, %v, %v", old, ok, err)
	}
	if err := os.WriteFile(path, []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := SetLogin(path, host, "ci", "two"); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("got %v", err)
	}
}

// A login that is put can be read, and the rest of the document is as it was.
func FuzzPutLogin(f *testing.F) {
	f.Add([]byte(`{"auths":{"a":{}},"x":[1,{"y":null}]}`))
	f.Add([]byte("{\r\n  \"AUTHS\" : { }\r\n}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := PutLogin(text, host, "ci", "new")
		if err != nil {
			return
		}
		before, after := map[string]any{}, map[string]any{}
		if len(strings.TrimSpace(string(text))) > 0 {
			if err := json.Unmarshal(text, &before); err != nil {
				t.Fatalf("%q was taken for JSON", text)
			}
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q became %q", text, out)
		}
		for _, doc := range []map[string]any{before, after} {
			for k, v := range doc {
				if strings.EqualFold(k, logins) {
					entries, _ := v.(map[string]any)
					delete(entries, host)
					if len(entries) == 0 {
						delete(doc, k)
					}
				}
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%q became %q\n%s", text, out, diff)
		}
	})
}
