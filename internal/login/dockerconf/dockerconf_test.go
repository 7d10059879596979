package dockerconf

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
)

const host = "myregistry.azurecr.io"

func TestEdit(t *testing.T) {
	for _, tt := range []struct{ name, from, with, without string }{
		{"missing", "", "{\n\t\"credHelpers\": {\n\t\t\"myregistry.azurecr.io\": \"acrkit\"\n\t}\n}\n", "{}\n"},
		{"empty", "{}", `{"credHelpers": {"myregistry.azurecr.io": "acrkit"}}`, "{}"},
		{"docker's own",
			"{\n\t\"auths\": {\n\t\t\"x.example\": {\n\t\t\t\"auth\": \"c2VjcmV0\"\n\t\t}\n\t},\n\t\"credsStore\": " +
				"\"desktop\"\n}",
			"{\n\t\"auths\": {\n\t\t\"x.example\": {\n\t\t\t\"auth\": \"c2VjcmV0\"\n\t\t}\n\t},\n\t\"credsStore\": " +
				"\"desktop\",\n\t\"credHelpers\": {\n\t\t\"myregistry.azurecr.io\": \"acrkit\"\n\t}\n}",
			"{\n\t\"auths\": {\n\t\t\"x.example\": {\n\t\t\t\"auth\": \"c2VjcmV0\"\n\t\t}\n\t},\n\t\"credsStore\": " +
				"\"desktop\"\n}"},
		{"one line", `{"z":1,"a":[ 1,2 ]}`, `{"z":1,"a":[ 1,2 ], "credHelpers": {"myregistry.azurecr.io": "acrkit"}}`,
			`{"z":1,"a":[ 1,2 ]}`},
		{"others", "{\n  \"credHelpers\": {\n    \"gcr.io\": \"gcloud\"\n  },\n  \"zebra\": {\"unknown\": 1e3}\n}\n",
			"{\n  \"credHelpers\": {\n    \"gcr.io\": \"gcloud\",\n    \"myregistry.azurecr.io\": \"acrkit\"\n  },\n " +
				" \"zebra\": {\"unknown\": 1e3}\n}\n",
			"{\n  \"credHelpers\": {\n    \"gcr.io\": \"gcloud\"\n  },\n  \"zebra\": {\"unknown\": 1e3}\n}\n"},
		{"empty helpers", `{"credHelpers":{}}`, `{"credHelpers":{"myregistry.azurecr.io": "acrkit"}}`, `{}`},
		{"null", `{"credHelpers":null}`, `{"credHelpers":{"myregistry.azurecr.io": "acrkit"}}`, `{}`},
		{"first of two", `{"credHelpers":{"myregistry.azurecr.io":"acrkit","gcr.io":"gcloud"},"b":2}`,
			`{"credHelpers":{"myregistry.azurecr.io":"acrkit","gcr.io":"gcloud"},"b":2}`,
			`{"credHelpers":{"gcr.io":"gcloud"},"b":2}`},
		{"in another case", `{"CredHelpers":{"myregistry.azurecr.io":"acrkit"}}`,
			`{"CredHelpers":{"myregistry.azurecr.io":"acrkit"}}`, `{}`},
		{"escaped", `{"\u0063redHelpers":{"myregistry.azurecr.io":"acrkit"},"x":"\"}{"}`,
			`{"\u0063redHelpers":{"myregistry.azurecr.io":"acrkit"},"x":"\"}{"}`, `{"x":"\"}{"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			with, _, err := edit([]byte(tt.from), host, "", "acrkit")
			if diff := cmp.Diff(tt.with, string(with)); diff != "" || err != nil {
				t.Errorf("set: %v\n%s", err, diff)
			}
			without, old, err := edit(with, host, "acrkit", "")
			if diff := cmp.Diff(tt.without, string(without)); diff != "" || err != nil || old != "acrkit" {
				t.Errorf("remove: %q, %v\n%s", old, err, diff)
			}
		})
	}
	other := []byte(`{"credHelpers": {"myregistry.azurecr.io": "desktop"}}`)
	if got, old, err := edit(other, host, "", "acrkit"); err != nil || old != "desktop" ||
		string(got) != `{"credHelpers": {"myregistry.azurecr.io": "acrkit"}}` {
		t.Errorf("%s, %q, %v", got, old, err)
	}
	if got, _, err := edit(other, host, "acrkit", ""); err != nil || string(got) != string(other) {
		t.Errorf("another helper was removed: %s, %v", got, err)
	}
}

func TestEdit_refuses(t *testing.T) {
	for _, text := range []string{"{", "[]", "1", `"x"`, "{}{}", "{} x", "{\"a\":1,}", "\xef\xbb\xbf{}",
		`{"credHelpers":[]}`, `{"credHelpers":"x"}`,
		`{"credHelpers":{},"credHelpers":{}}`, `{"credHelpers":{},"CREDHELPERS":{}}`,
		`{"credHelpers":{"myregistry.azurecr.io":1}}`, "{\n\"auths\": secret-word\n}"} {
		_, _, err := edit([]byte(text), host, "", "acrkit")
		if err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := edit([]byte("{\n\n\"a\" 1}"), host, "", "acrkit"); err == nil ||
		!strings.Contains(err.Error(), "line 3") {
		t.Errorf("%v", err)
	}
}

func TestChange(t *testing.T) {
	dir := t.TempDir()
	file, path := filepath.Join(dir, "real.json"), filepath.Join(dir, "config.json")
	const before = `{"auths":{"x.example":{"auth":"c2VjcmV0"}}}`
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil { // independent of the umask
		t.Fatal(err)
	}
	if err := os.Symlink("real.json", path); err != nil {
		t.Fatal(err)
	}
	c, ok, err := Set(path, host, "acrkit")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if diff := cmp.Diff("--- "+path+"\n+++ "+path+
		"\n   \"credHelpers\": {\n+    \"myregistry.azurecr.io\": \"acrkit\"\n   }\n", c.Diff()); diff != "" {
		t.Error(diff)
	}
	if err := c.Apply(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is another: %v, %v", info.Mode(), err)
	}
	if err := c.Apply(); err == nil || !strings.Contains(err.Error(), "meanwhile") {
		t.Errorf("a change of what is not there any more: %v", err)
	}
	if _, ok, err := Set(path, host, "acrkit"); ok || err != nil {
		t.Errorf("set twice: %v, %v", ok, err)
	}
	r, ok, err := Remove(path, host, "acrkit")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := r.Apply(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != before {
		t.Errorf("%s, %v", got, err)
	}
	if _, ok, err := Remove(path, host, "acrkit"); ok || err != nil {
		t.Errorf("removed twice: %v, %v", ok, err)
	}

	fresh := filepath.Join(dir, "new", "config.json")
	if _, ok, err := Remove(fresh, host, "acrkit"); ok || err != nil {
		t.Errorf("removed from nothing: %v, %v", ok, err)
	}
	if c, _, err = Set(fresh, host, "acrkit"); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v", err)
	}

	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dangling, dir} {
		if _, _, err := Set(path, host, "acrkit"); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%s: %v", path, err)
		}
	}
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte(before+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = Set(broken, host, "acrkit")
	if e, ok := errors.AsType[*acrkit.Error](err); !ok || !strings.Contains(e.Reason, "is not JSON") ||
		strings.Contains(e.Error(), "c2VjcmV0") {
		t.Errorf("%v", err)
	}
	if got, err := os.ReadFile(broken); err != nil || string(got) != before+"}" {
		t.Errorf("a broken file was changed: %s, %v", got, err)
	}
}

// Setting changes one entry and nothing else, removing undoes it, and neither ever
// makes JSON of what is none or the other way round.
func FuzzEdit(f *testing.F) {
	f.Add([]byte(`{"auths":{"a":{}},"credHelpers":{"gcr.io":"gcloud"},"x":[1,{"y":null}]}`))
	f.Add([]byte("{\r\n  \"credHelpers\" : { }\r\n}"))
	f.Add([]byte(`{"CREDHELPERS":{"myregistry.azurecr.io":"a"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, _, err := edit(text, host, "", "acrkit")
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
		take := func(doc map[string]any) any {
			for k, v := range doc {
				if strings.EqualFold(k, key) {
					helpers, _ := v.(map[string]any)
					helper := helpers[host]
					delete(helpers, host)
					if len(helpers) == 0 {
						delete(doc, k)
					}
					return helper
				}
			}
			return nil
		}
		take(before)
		if got := take(after); got != "acrkit" {
			t.Fatalf("%q became %q", text, out)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%q became %q\n%s", text, out, diff)
		}
		gone, _, err := edit(out, host, "acrkit", "")
		if err != nil || !json.Valid(gone) {
			t.Fatalf("%q became %q: %v", out, gone, err)
		}
		left := map[string]any{}
		_ = json.Unmarshal(gone, &left)
		take(left)
		if diff := cmp.Diff(before, left); diff != "" {
			t.Fatalf("%q became %q\n%s", out, gone, diff)
		}
	})
}
