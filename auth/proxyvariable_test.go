package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
)

// A transport without a base of its caller's refuses every request while a proxy
// variable is no URL, and retrying clients do not try again.
func TestMalformedProxy(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	t.Setenv("HTTPS_PROXY", "http://user:p%ss-canary@proxy.example:8080")
	newTransport := func(cred auth.Credential) *auth.Transport {
		rt, err := auth.NewTransport(server.Listener.Addr().String(), cred, &auth.Options{PlainHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = rt.Close() })
		return rt
	}
	rt := newTransport(ci())
	_, tokenErr := rt.Token(t.Context(), acrkit.CatalogScope())
	// Entra is elsewhere.
	_, entraErr := newTransport(auth.ServicePrincipal("t", "c", "s",
		&auth.EntraOptions{AuthorityHost: "https://127.0.0.1:1"})).Token(t.Context(), acrkit.CatalogScope())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, requestErr := rt.RoundTrip(req)
	if requestErr == nil {
		_ = resp.Body.Close()
	}
	for _, err := range []error{tokenErr, entraErr, requestErr} {
		if !errors.Is(err, acrkit.CodeUsage) || acrkit.CauseOf(err) != cause.ProxyMalformed ||
			!strings.Contains(err.Error(), "HTTPS_PROXY") || strings.Contains(dump(err), "canary") {
			t.Errorf("%v", err)
		}
		if _, final := errors.AsType[interface {
			error
			NonRetriable()
		}](err); !final {
			t.Errorf("it would be tried again: %#v", err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}
