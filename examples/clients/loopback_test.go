package clients_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
)

// TestAnotherRegistryOnLoopback: a registry of another kind on this machine is asked what
// it is, and no fix is the emulator's.
func TestAnotherRegistryOnLoopback(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	reg, err := acrkit.ParseRegistry(host)
	if err != nil {
		t.Fatal(err)
	}
	d, err := diagnose.Explain(t.Context(),
		diagnose.Attempt{Registry: reg, Exchange: &diagnose.Exchange{Method: http.MethodPut,
			URL: server.URL + "/v2/team/app/manifests/v1", Status: http.StatusForbidden,
			Body: []byte(`{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`)}},
		&diagnose.Options{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := "acrkit doctor " + host; d.Fix != want {
		t.Errorf("%s: %s, want %s", d.Code, d.Fix, want)
	}
}
