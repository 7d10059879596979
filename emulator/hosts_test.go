package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// TestRegistryHosts: the host of a request names the registry, by a domain of the caller's or by a
// port, and the answers stay at that host.
func TestRegistryHosts(t *testing.T) {
	s := &seed.Seed{Registries: []seed.Registry{{Name: "first"}, {Name: "second"}}}
	e, err := emulator.Open(t.Context(), &emulator.Options{Seed: s, Hostnames: []string{"*.acr.test", "one.example"},
		Ports: map[int]string{5444: "second", 5445: "later"}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for host, status := range map[string]int{
		"first.acr.test:5443":      http.StatusUnauthorized,
		"SECOND.acr.test":          http.StatusUnauthorized,
		"third.acr.test":           http.StatusNotFound,
		"acr.test":                 http.StatusNotFound,
		"a.first.acr.test":         http.StatusNotFound,
		"first.acr.test.evil.test": http.StatusNotFound,
		"localhost:5443":           http.StatusUnauthorized,
		"localhost:5444":           http.StatusUnauthorized,
		"127.0.0.1:5444":           http.StatusUnauthorized,
		"localhost:5445":           http.StatusNotFound, // the registry is not made yet
		"one.example:5445":         http.StatusUnauthorized,
	} {
		r := httptest.NewRequest(http.MethodGet, "https://"+host+"/v2/", nil)
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", host, w.Code, status)
		}
	}
	for host, want := range map[string]string{
		"localhost:5443": "first", "localhost:5444": "second", "second.acr.test": "second", "one.example": "first",
	} {
		if got := e.RegistryAt(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	for host, want := range map[string]string{
		"localhost:5443":          "localhost:5444",
		"127.0.0.1:5443":          "127.0.0.1:5444",
		"localhost:5444":          "localhost:5444",
		"first.acr.test:5443":     "second.acr.test:5443",
		"first.azurecr.localhost": "second.azurecr.localhost",
		"one.example:5443":        "second.azurecr.localhost:5443",
	} {
		if got := e.LoginServerOf(host, "second"); got != want {
			t.Errorf("second for a client at %s: %q, want %q", host, got, want)
		}
	}
	for _, o := range []*emulator.Options{
		{Hostnames: []string{"*."}}, {Hostnames: []string{"*.192.0.2.1"}}, {Hostnames: []string{"a.*.test"}},
		{Ports: map[int]string{0: "first"}}, {Ports: map[int]string{65536: "first"}}, {Ports: map[int]string{1: "a b"}},
	} {
		if e, err := emulator.Open(t.Context(), o); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%+v: %v", o, err)
			if err == nil {
				_ = e.Close()
			}
		}
	}
}
