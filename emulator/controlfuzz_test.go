package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// FuzzControl sends any bodies to the control API: each call is done or refused in
// JSON as openapi.yaml says, none fails, and no answer shows the key.
func FuzzControl(f *testing.F) {
	changes := slices.DeleteFunc(emulator.ControlAPI(), func(r [2]string) bool { return r[0] == http.MethodGet })
	for i := range changes {
		for _, body := range []string{
			`{}`, `[]`, `null`, `{"now":"2030-01-01T00:00:00Z","frozen":true}`, `{"by":"2562047h"}`,
			`{"access":"5m","refresh":"-1s"}`, `{"enabled":true}`,
			`{"kind":"throttle","routes":["tags"],"rate":1e400,"seed":-1,"retryAfter":2}`,
			`{"kind":"drop","after":9223372036854775807}`, `{"name":"a"}`,
			`{"adminUserEnabled":true,"networkRules":{"default":"deny","allow":["::/0"]}}`,
			`{"actions":["repositories/*/content/read"]}`,
			`{"scopeMap":"ci-pull","enabled":false}`, `{"slots":["password1"],"expires":"9999-12-31T23:59:59Z"}`,
		} {
			f.Add(byte(i), "ci-pull", []byte(body))
		}
	}
	s, err := seed.Read(strings.NewReader(seed.Example()))
	must(f, err)
	e, err := emulator.Open(f.Context(), &emulator.Options{Seed: s})
	must(f, err)
	f.Cleanup(func() { e.Close() })
	key := string(e.ControlKey())
	f.Fuzz(func(t *testing.T, which byte, name string, body []byte) {
		route := changes[int(which)%len(changes)]
		path := strings.NewReplacer("{registry}", "myregistry", "{name}", "x", "{id}", "x",
			"{slot}", "x").Replace(route[1])
		r := httptest.NewRequest(route[0], "https://localhost/_acrkit/v1"+path, strings.NewReader(string(body)))
		if base, ok := strings.CutSuffix(r.URL.Path, "/x"); ok {
			r.URL.Path, r.URL.RawPath = base+"/"+name, ""
		}
		r.RemoteAddr = ""
		r.Header.Set("Acrkit-Control-Key", key)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
			t.Fatalf("%s %s %q: %d %s", route[0], r.URL.Path, body, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), key) {
			t.Fatalf("%s %s shows the key", route[0], path)
		}
		if isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json"); isJSON &&
			w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s %q: %d %q", route[0], path, body, w.Code, w.Body)
		}
	})
}
