package orasauth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"oras.land/oras-go/v2/registry/remote"
	remoteauth "oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/adapters/orasauth"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper/hostile"
)

func TestStore(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("team/app", "v1")
	reg.Push("secret", "v1")
	token := reg.Token("ci-pull", "repositories/team/app/content/read")
	principal := reg.ServicePrincipal("AcrPull")
	opts := &auth.Options{Base: reg.RoundTripper()}
	for _, tc := range []struct {
		name, repository string
		cred             auth.Credential
		refused          bool
	}{
		{"scoped_token", "team/app", token.Credential(), false},
		{"scoped_token_refused", "secret", token.Credential(), true},
		{"service_principal", "team/app", auth.ServicePrincipal(principal.TenantID, principal.ClientID,
			principal.ClientSecret, &auth.EntraOptions{AuthorityHost: reg.AuthorityHost()}), false},
		{"anonymous", "team/app", nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := orasauth.Always(tc.cred)
			for way, credential := range map[string]remoteauth.CredentialFunc{
				"function": orasauth.CredentialFunc(source, opts),
				"store":    credentials.Credential(orasauth.NewStore(source, opts)),
			} {
				repo, err := remote.NewRepository(reg.Host() + "/" + tc.repository)
				if err != nil {
					t.Fatal(err)
				}
				repo.Client = &remoteauth.Client{Client: &http.Client{Transport: reg.RoundTripper()},
					Credential: credential}
				got, err := repo.Resolve(t.Context(), "v1")
				switch {
				case tc.refused && (err == nil || !strings.Contains(err.Error(), "401")):
					t.Errorf("%s: %v, want a refusal", way, err)
				case !tc.refused && (err != nil || got.Digest.String() != image.Digest):
					t.Errorf("%s: %s, %v", way, got.Digest, err)
				}
			}
		})
	}
}

func TestStore_foreign_hosts_and_writes(t *testing.T) {
	s := orasauth.NewStore(func(context.Context, acrkit.Registry) (auth.Credential, error) {
		t.Error("the source was asked")
		return nil, nil
	}, nil)
	for _, host := range []string{"docker.io", "ghcr.io", "myregistry.azurecr.io.evil.example", "azurecr.io",
		"myregistry"} {
		if c, err := s.Get(t.Context(), host); err != nil || c != remoteauth.EmptyCredential {
			t.Errorf("%s: %v", host, err)
		}
	}
	if s.Put(t.Context(), "myregistry.azurecr.io", remoteauth.Credential{}) == nil ||
		s.Delete(t.Context(), "myregistry.azurecr.io") == nil {
		t.Error("it takes what it does not keep")
	}
}

// No host of the battery gets a secret by the store.
func TestHostileHosts(t *testing.T) {
	const secret = "made-up-client-secret"
	cred := auth.ServicePrincipal("11111111-1111-1111-1111-111111111111",
		"22222222-2222-2222-2222-222222222222", secret, nil)
	source := orasauth.Always(cred)
	hostile.Test(t, []string{secret},
		func(ctx context.Context, server string, network http.RoundTripper) (string, error) {
			got, err := orasauth.NewStore(source, &auth.Options{Base: network}).Get(ctx, server)
			return got.Password + got.RefreshToken + got.AccessToken, err
		})
}
