package diagnose_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/proxy"
)

// TestAtLoopback: what is at a loopback address need not be an emulator. The fix is the
// emulator's where it answers as such, and names the condition where it was not asked.
func TestAtLoopback(t *testing.T) {
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	}
	r := acrtest.NewRegistry(t, nil)
	var through http.Handler // it must know its own address
	ofProxy := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { through.ServeHTTP(w, r) }))
	p, err := proxy.New(r.Transport(auth.Anonymous()),
		&proxy.Options{Hosts: []string{strings.TrimPrefix(ofProxy, "http://")}, Scheme: "http", Open: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	through = p
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if r.URL.Path != "/v2/" {
			http.NotFound(w, r)
		}
	})
	const set = "acrkit emulator scope-map set SCOPE_MAP repositories/a/b/content/read repositories/a/b/content/write"
	for name, tc := range map[string]struct {
		url    string
		silent bool // no request is made
		fix    string
	}{
		"emulator":  {serve(r.Emulator()), false, set + "    # it replaces "},
		"proxy":     {ofProxy, false, "acrkit whoami --registry HOST --repository a/b"},
		"another":   {serve(other), false, "acrkit doctor HOST"},
		"not_asked": {serve(other), true, set + "    # if HOST is acrkit's emulator; it replaces "},
		"by_name":   {"https://mine.azurecr.localhost:5443", true, set + "    # it replaces "},
	} {
		t.Run(name, func(t *testing.T) {
			_, host, _ := strings.Cut(tc.url, "://")
			text := fmt.Sprintf("PUT %s/v2/a/b/manifests/v1: DENIED: requested access to the resource is denied",
				tc.url)
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Registry: mustRegistry(t, host), Text: text},
				&diagnose.Options{NoProbes: tc.silent, PlainHTTP: true})
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(tc.fix, "HOST", host); !strings.HasPrefix(d.Fix, want) {
				t.Errorf("%s\nwant %s", d.Fix, want)
			}
		})
	}
}
