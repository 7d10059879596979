package ggcr_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/adapters/ggcr"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper/hostile"
)

func TestKeychain(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("team/app", "v1")
	reg.Push("secret", "v1")
	token := reg.Token("ci-pull", "repositories/team/app/content/read")
	principal := reg.ServicePrincipal("AcrPull")
	opts := &auth.Options{Base: reg.RoundTripper()}
	for _, tc := range []struct {
		name, repository string
		cred             auth.Credential
		refused          string
	}{
		{"scoped_token", "team/app", token.Credential(), ""},
		{"scoped_token_refused", "secret", token.Credential(), "UNAUTHORIZED"},
		{"service_principal", "secret", auth.ServicePrincipal(principal.TenantID, principal.ClientID,
			principal.ClientSecret, &auth.EntraOptions{AuthorityHost: reg.AuthorityHost()}), ""},
		{"by_repository", "team/app", auth.ByRepository(map[string]auth.Credential{"team": token.Credential()}), ""},
		{"anonymous", "team/app", nil, "UNAUTHORIZED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// As ko and cosign do it: their own keychains first.
			keychain := authn.NewMultiKeychain(authn.NewMultiKeychain(), ggcr.Keychain(ggcr.Always(tc.cred), opts))
			ref, err := name.ParseReference(reg.Host() + "/" + tc.repository + ":v1")
			if err != nil {
				t.Fatal(err)
			}
			got, err := remote.Head(ref, remote.WithAuthFromKeychain(keychain),
				remote.WithTransport(reg.RoundTripper()), remote.WithContext(t.Context()))
			if tc.refused != "" {
				if err == nil || !strings.Contains(strings.ToUpper(err.Error()), tc.refused) {
					t.Errorf("%v, want a refusal", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.repository == "team/app" && got.Digest.String() != image.Digest {
				t.Errorf("%s, want %s", got.Digest, image.Digest)
			}
		})
	}
}

// As documented, acrkit's keychain comes before Docker's logins, which may be old.
func TestKeychain_before_docker(t *testing.T) {
	dir := t.TempDir()
	old := base64.StdEncoding.EncodeToString([]byte("old:login"))
	config := fmt.Sprintf(`{"auths":{"myregistry.azurecr.io":{"auth":%q},"other.azurecr.io":{"auth":%q}}}`, old, old)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("ACR_NAME", "myregistry")
	t.Setenv("ACR_TOKEN_NAME", "ci")
	t.Setenv("ACR_TOKEN_PASSWORD", "made-up-password")
	keychain := authn.NewMultiKeychain(ggcr.Keychain(ggcr.FromEnvironment(os.LookupEnv), nil), authn.DefaultKeychain)
	for host, want := range map[string]string{"myregistry.azurecr.io": "ci", "other.azurecr.io": "old"} {
		registry, err := name.NewRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		a, err := keychain.Resolve(registry)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Authorization(); err != nil || got.Username != want {
			t.Errorf("%s: the user %q, want %q (%v)", host, got.Username, want, err)
		}
	}
}

// crane's library pulls from a regional endpoint with the registry's credential.
func TestKeychain_regional_endpoint(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("team/app", "v1")
	token := reg.Token("ci-pull", "repositories/team/app/content/read")
	_, port, _ := strings.Cut(reg.Host(), ":")
	env := map[string]string{"ACR_NAME": "myregistry.azurecr.localhost:" + port, "ACR_TOKEN_NAME": token.Name,
		"ACR_TOKEN_PASSWORD": token.Password1}
	source := ggcr.FromEnvironment(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	ref, err := name.ParseReference("myregistry.westeurope.geo.azurecr.localhost:" + port + "/team/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Head(ref,
		remote.WithAuthFromKeychain(ggcr.Keychain(source, &auth.Options{Base: reg.RoundTripper()})),
		remote.WithTransport(reg.RoundTripper()), remote.WithContext(t.Context()))
	if err != nil || got.Digest.String() != image.Digest {
		t.Errorf("%v, %v", got, err)
	}
}

// Hosts that are not Azure's get nothing, and the source is not called.
func TestKeychain_foreign_hosts(t *testing.T) {
	keychain := ggcr.Keychain(func(context.Context, acrkit.Registry) (auth.Credential, error) {
		t.Error("the source was asked")
		return nil, nil
	}, nil)
	for _, host := range []string{"index.docker.io", "gcr.io", "myregistry.azurecr.io.evil.example", "azurecr.io",
		"xazurecr.io"} {
		reg, err := name.NewRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := keychain.Resolve(reg); err != nil || a != authn.Anonymous {
			t.Errorf("%s: %v, %v", host, a, err)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	source := ggcr.FromEnvironment(func(name string) (string, bool) {
		v, ok := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci",
			"ACR_TOKEN_PASSWORD": "made-up-password"}[name]
		return v, ok
	})
	for host, want := range map[string]string{"myregistry.azurecr.io": "ci", "other.azurecr.io": ""} {
		reg, err := name.NewRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ggcr.Keychain(source, nil).Resolve(reg)
		if err != nil {
			t.Fatal(err)
		}
		if config, err := a.Authorization(); err != nil || config.Username != want {
			t.Errorf("%s: the user %q, want %q (%v)", host, config.Username, want, err)
		}
	}
}

// No host of the battery gets a secret by the keychain.
func TestHostileHosts(t *testing.T) {
	const secret = "made-up-client-secret"
	cred := auth.ServicePrincipal("11111111-1111-1111-1111-111111111111",
		"22222222-2222-2222-2222-222222222222", secret, nil)
	hostile.Test(t, []string{secret},
		func(_ context.Context, server string, network http.RoundTripper) (string, error) {
			a, err := ggcr.Keychain(ggcr.Always(cred), &auth.Options{Base: network}).Resolve(resource(server))
			if err != nil {
				return "", err
			}
			config, err := a.Authorization()
			if err != nil {
				return "", err
			}
			return config.Password + config.IdentityToken, nil
		})
}

// resource is a registry as any text names it: name.NewRegistry would refuse most.
type resource string

func (r resource) String() string      { return string(r) }
func (r resource) RegistryStr() string { return string(r) }
