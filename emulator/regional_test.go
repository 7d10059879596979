package emulator_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wire"
)

// A regional endpoint of a registry answers as that registry: its realm is on the host
// that was asked, its service and the audience of its tokens are the login server.
func TestRegionalEndpoint(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("team/app", "v1")
	token := reg.Token("ci-pull", "repositories/team/app/content/read", "repositories/team/app/metadata/read")
	u, err := url.Parse(reg.URL())
	if err != nil {
		t.Fatal(err)
	}
	regional, home := "myregistry.westeurope.geo.azurecr.localhost:"+u.Port(), "myregistry.azurecr.localhost:"+u.Port()
	resp, err := reg.HTTPClient().Get("https://" + regional + "/v2/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	want := fmt.Sprintf(`Bearer realm="https://%s/oauth2/token",service="%s"`, regional, home)
	if got := resp.Header.Get("Www-Authenticate"); got != want || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s, %s, want %s", resp.Status, got, want)
	}
	principal := reg.ServicePrincipal("AcrPull")
	for name, cred := range map[string]auth.Credential{
		"scope-mapped token": token.Credential(),
		"service principal": auth.ServicePrincipal(principal.TenantID, principal.ClientID, principal.ClientSecret,
			&auth.EntraOptions{AuthorityHost: reg.AuthorityHost()}),
	} {
		rt, err := auth.NewTransport(regional, cred, &auth.Options{Base: reg.RoundTripper()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := rt.Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.MetadataRead))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if claims, err := wire.ReadClaims(got.Value.Reveal()); err != nil || len(claims.Audience) != 1 ||
			claims.Audience[0] != home {
			t.Errorf("%s: audience %q, %v", name, claims.Audience, err)
		}
		_ = rt.Close()
	}
	for _, host := range []string{"unknown.westeurope.geo.azurecr.localhost", "myregistry.geo.azurecr.localhost",
		"a.myregistry.westeurope.geo.azurecr.localhost", "myregistry.westeurope.data.azurecr.localhost"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, reg.URL()+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := reg.HTTPClient().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is served: %s", host, resp.Status)
		}
	}
}

// handlerTransport sends requests of every host to a handler.
type handlerTransport struct{ handler http.Handler }

func (h handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	got := req.Clone(req.Context())
	got.Host, got.TLS = req.URL.Host, &tls.ConnectionState{}
	h.handler.ServeHTTP(w, got)
	return w.Result(), nil
}

// A name given with --hostname may be a regional endpoint, and carry the hash of a
// login server.
func TestRegionalEndpoint_hostname(t *testing.T) {
	for _, host := range []string{"second.westeurope.geo.azurecr.io", "second-d7ezgz.westeurope.geo.azurecr.io",
		"second-d7ezgz.azurecr.io"} {
		em, err := emulator.Open(t.Context(), &emulator.Options{Hostnames: []string{host},
			Seed: &seed.Seed{Registries: []seed.Registry{{Name: "myregistry"},
				{Name: "second", AnonymousPullEnabled: true, SKU: "Standard"}}}})
		if err != nil {
			t.Fatal(err)
		}
		reg, err := acrkit.ParseRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		base := handlerTransport{em}
		rt, err := auth.NewTransport(host, auth.Anonymous(), &auth.Options{Base: base})
		if err != nil {
			t.Fatal(err)
		}
		// Only the second registry has anonymous tokens.
		got, err := rt.Token(t.Context(), acrkit.RepositoryScope("a", acrkit.ContentRead))
		if err != nil {
			t.Errorf("%s: %v", host, err)
		} else if claims, err := wire.ReadClaims(got.Value.Reveal()); err != nil ||
			claims.Audience[0] != reg.LoginServer().Host() {
			t.Errorf("%s: audience %q, %v", host, claims.Audience, err)
		}
		_ = rt.Close()
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	}
}
