package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
)

func TestControl(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	data, err := os.ReadFile(filepath.Join(dir, "control-api.key"))
	must(t, err)
	key := strings.TrimSpace(string(data))
	if key != string(f.ControlKey()) || len(key) < 20 {
		t.Fatal("the key in the file is another")
	}
	good := http.Header{"Acrkit-Control-Key": {key}}
	with := func(name, value string) http.Header {
		h := good.Clone()
		h.Add(name, value)
		return h
	}
	f.password("ci-pull", "typed-wrong-0001", "repository:samples/app:pull")
	const path = "/_acrkit/v1/decisions"
	for name, x := range map[string]struct {
		method, url string
		header      http.Header
		status      int
	}{
		"good":            {"GET", path, good, 200},
		"no_key":          {"GET", path, nil, 401},
		"wrong_key":       {"GET", path, http.Header{"Acrkit-Control-Key": {"x"}}, 401},
		"two_keys":        {"GET", path, with("Acrkit-Control-Key", key), 401},
		"from_a_page":     {"GET", path, with("Origin", "https://localhost"), 403},
		"fetched":         {"GET", path, with("Sec-Fetch-Site", "none"), 403},
		"registry's_name": {"GET", "https://myregistry.azurecr.localhost" + path, good, 403},
		"other_port":      {"GET", "https://localhost:1" + path, good, 403},
		"no_port":         {"GET", "https://localhost" + path, good, 403},
		"localhost":       {"GET", "https://localhost:" + f.host[strings.LastIndex(f.host, ":")+1:] + path, good, 200},
		"post":            {"POST", path, good, 405},
		"elsewhere":       {"GET", path + "/x", good, 404},
		"bad_after":       {"GET", path + "?after=x", good, 400},
	} {
		if a := f.do(x.method, x.url, x.header, ""); a.status != x.status {
			t.Errorf("%s: %d", name, a.status)
		} else if got := a.header.Get("Server"); got != "acrkit-emulator" {
			t.Errorf("%s: the answer is of %q", name, got)
		}
	}
	var got struct {
		Decisions []struct {
			ID                int64
			Principal, Reason string
		}
		More bool
	}
	must(t, json.Unmarshal([]byte(f.get(path+"?outcome=denied&after=0", good).body), &got))
	if len(got.Decisions) != 1 || got.Decisions[0].Principal != "ci-pull" ||
		got.Decisions[0].Reason != "the password is wrong" || got.More {
		t.Errorf("%+v", got)
	}
}

// TestControlFromAnotherMachine: there the key must come by TLS.
func TestControlFromAnotherMachine(t *testing.T) {
	f := start(t, &emulator.Options{Hostnames: []string{"reg.example"}})
	for name, x := range map[string]struct {
		url, from string
		status    int
	}{
		"tls":         {"https://reg.example/_acrkit/v1/clock", "192.0.2.7:1234", 200},
		"plain":       {"http://reg.example/_acrkit/v1/clock", "192.0.2.7:1234", 403},
		"plain_local": {"http://reg.example/_acrkit/v1/clock", "127.0.0.1:1234", 200},
		"rebound":     {"https://evil.example/_acrkit/v1/clock", "192.0.2.7:1234", 404},
	} {
		r := httptest.NewRequest("GET", x.url, nil)
		r.RemoteAddr = x.from
		r.Header.Set("Acrkit-Control-Key", string(f.ControlKey()))
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != x.status {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
