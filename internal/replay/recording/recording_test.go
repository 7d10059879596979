package recording

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const proxy = `{"Entries":[{"RequestMethod":"PUT","RequestUri":"https://a.azurecr.io/v2/?x=%2F","RequestHeaders":{"accept":"*/*"},"RequestBody":{"a": true},
	"StatusCode":201,"ResponseHeaders":{"link":["a","b"]},"ResponseBody":"text\n"},
	{"RequestMethod":"GET","RequestUri":"/","RequestHeaders":null,"RequestBody":null,"StatusCode":204,"ResponseHeaders":{},"ResponseBody":null}]}`

const cassette = `interactions:
- request: {method: POST, uri: 'https://a.azurecr.io/oauth2/token', body: !!python/object:x {b: '1 2', a: x}, headers: {Accept: '*/*'}}
  response: {status: {code: 200}, body: !!python/unicode {string: !!binary aGVsbG8=}, headers: {X-A: b}}
- request: {method: GET, uri: 'https://a.azurecr.io/v2/', body: null, headers: {Authorization: [Bearer x]}}
  response: {status: {code: 401}, body: {string: ''}, headers: {X-A: b}}
`

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"b.json": proxy, "a/c.yml": cassette, "a/list.yaml": "- x", "a/api.json": "{}", "notes": ""} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, others, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 2, ".": 1}, others); diff != "" {
		t.Errorf("others (-want +got):\n%s", diff)
	}
	type flat struct {
		Exchange
		URL string
	}
	var got []any
	for _, r := range all {
		got = append(got, r.File, r.KeepsCredentials, r.LastValueOnly)
		for _, x := range r.Exchanges {
			f := flat{x, x.URL.String()}
			f.Exchange.URL = nil
			got = append(got, f)
		}
	}
	want := []any{
		"a/c.yml", true, true,
		flat{Exchange{Number: 1, Method: "POST", Header: http.Header{"Accept": {"*/*"}, "Content-Type": {"application/x-www-form-urlencoded"}}, Body: "a=x&b=1+2",
			Status: 200, Answer: http.Header{"X-A": {"b"}}, Content: "hello"}, "https://a.azurecr.io/oauth2/token"},
		flat{Exchange{Number: 2, Method: "GET", Header: http.Header{"Authorization": {"Bearer x"}}, Status: 401, Answer: http.Header{"X-A": {"b"}}}, "https://a.azurecr.io/v2/"},
		"b.json", true, false,
		flat{Exchange{Number: 1, Method: "PUT", Header: http.Header{"Accept": {"*/*"}}, Body: `{"a":true}`,
			Status: 201, Answer: http.Header{"Link": {"a", "b"}}, Content: "text\n"}, "https://a.azurecr.io/v2/?x=%2F"},
		flat{Exchange{Number: 2, Method: "GET", Header: http.Header{}, Status: 204, Answer: http.Header{}}, "/"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recordings (-want +got):\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	for content, want := range map[string]string{
		"interactions:\n- request: {uri: 'https://x/'}\n  response: {status: {code: what}}\n":           "bad.yaml: interaction 1: the status cannot be read",
		"interactions:\n- response: {status: {code: 200}}\n":                                            "bad.yaml: interaction 1: the address cannot be read",
		"interactions:\n- request: {uri: 'https://x/', body: [1]}\n  response: {status: {code: 200}}\n": "bad.yaml: interaction 1: the request's body cannot be read",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, _, err := Load(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(proxy))
	f.Add([]byte(cassette))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func([]byte) (*Recording, error){readProxy, readCassette} {
			r, err := read(data)
			if (r == nil) == (err == nil) {
				t.Fatalf("recording %v, error %v", r, err)
			}
			if r == nil {
				continue
			}
			if len(r.Exchanges) == 0 {
				t.Error("a recording without exchanges")
			}
			for i, x := range r.Exchanges {
				if x.URL == nil || x.Header == nil || x.Answer == nil || x.Number != i+1 {
					t.Errorf("%+v", x)
				}
			}
		}
	})
}
