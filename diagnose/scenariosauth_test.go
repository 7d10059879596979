package diagnose_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/registry"
)

const wrongPassword = "leak-canary-wrong-password"

// refusedToken is a scope-mapped token whose password is not accepted, after
// change has had its way with it.
func refusedToken(t *testing.T, password string, later time.Duration,
	change func(*acrtest.Registry, acrtest.Token)) failure {
	t.Helper()
	r := acrtest.NewRegistry(t, nil)
	token := r.Token("reader", "repositories/team/app/content/read")
	change(r, token)
	if password == "" {
		password = token.Password1
	}
	tr := r.Transport(auth.ScopedToken(token.Name, password))
	scope := acrkit.RepositoryScope("team/app", acrkit.ContentRead)
	return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, scope), Required: scope, Transport: tr},
		arm:  armOf(t, r),
		opts: diagnose.Options{Base: r.RoundTripper(), Now: func() time.Time { return time.Now().Add(later) }}}
}

func passwordScenarios() []scenario {
	const class = "credential-rejected"
	nothing := func(*acrtest.Registry, acrtest.Token) {}
	return []scenario{
		{name: "credential-rejected", open: true, make: func(t *testing.T) failure {
			return refusedToken(t, wrongPassword, time.Hour, func(r *acrtest.Registry, k acrtest.Token) {
				r.ExpirePassword(k.Name, "password1")
			})
		}},
		{name: "password-wrong", class: class, make: func(t *testing.T) failure {
			return refusedToken(t, wrongPassword, time.Hour, nothing)
		}},
		{name: "password-expired", class: class, make: func(t *testing.T) failure {
			return refusedToken(t, "", time.Hour, func(r *acrtest.Registry, k acrtest.Token) {
				r.ExpirePassword(k.Name, "password1")
				r.ExpirePassword(k.Name, "password2")
			})
		}},
		{name: "token-disabled", class: class, make: func(t *testing.T) failure {
			return refusedToken(t, "", time.Hour, func(r *acrtest.Registry, k acrtest.Token) { r.DisableToken(k.Name) })
		}},
		{name: "password-not-yet-active", class: class, make: func(t *testing.T) failure {
			// The emulator knows new passwords at once; to the client it is the same.
			return refusedToken(t, wrongPassword, 0, func(r *acrtest.Registry, k acrtest.Token) {
				r.RegeneratePassword(k.Name, "password1")
			})
		}},
		{name: "token-unknown", class: class, make: func(t *testing.T) failure {
			return refusedToken(t, "", time.Hour, func(r *acrtest.Registry, k acrtest.Token) {
				if err := r.Manage().DeleteToken(t.Context(), k.Name); err != nil {
					t.Fatal(err)
				}
			})
		}},
		{name: "admin-disabled", class: class, make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(auth.AdminUser(r.Name(), wrongPassword))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr},
				arm: armOf(t, r), opts: diagnose.Options{Base: r.RoundTripper()}}
		}},
		{name: "user-unknown", make: func(t *testing.T) failure {
			return acr(t, serveTLS(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte(
					`{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized: Application not registered with AAD."}]}`))
			}))
		}},
	}
}

// says is an Entra identity whose sign-in fails with the number.
func says(text string) func(*testing.T) failure {
	return func(t *testing.T) failure {
		r := acrtest.NewRegistry(t, nil)
		tr := r.Transport(auth.Entra(saysSource(text)))
		return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
	}
}

// principal is a service principal of the emulator's that cannot sign in.
func principal(change func(r *acrtest.Registry, p *acrtest.ServicePrincipal)) func(*testing.T) failure {
	return func(t *testing.T) failure {
		r := acrtest.NewRegistry(t, nil)
		p := r.ServicePrincipal("AcrPull")
		change(r, &p)
		tr := r.Transport(p.Credential())
		return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr},
			opts: diagnose.Options{Base: r.RoundTripper()}}
	}
}

func entraScenarios() []scenario {
	const guid = "99999999-8888-4777-8666-555555555555"
	return []scenario{
		{name: "secret-id-pasted", make: principal(func(_ *acrtest.Registry, p *acrtest.ServicePrincipal) {
			p.ClientSecret = guid
		})},
		{name: "entra-secret-wrong", make: principal(func(_ *acrtest.Registry, p *acrtest.ServicePrincipal) {
			p.ClientSecret = wrongPassword
		})},
		{name: "entra-secret-expired", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			p := r.ServicePrincipal("AcrPull")
			err := r.Emulator().PutApplication(t.Context(), p.TenantID,
				seed.Application{ClientID: p.ClientID, DisplayName: "expired",
					Secrets: []seed.ClientSecret{{Value: seed.Secret(p.ClientSecret),
						Expires: time.Now().Add(-time.Hour)}}})
			if err != nil {
				t.Fatal(err)
			}
			tr := r.Transport(p.Credential())
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "entra-application-unknown", make: principal(func(_ *acrtest.Registry, p *acrtest.ServicePrincipal) {
			p.ClientID = guid
		})},
		{name: "entra-tenant-unknown", make: principal(func(_ *acrtest.Registry, p *acrtest.ServicePrincipal) {
			p.TenantID = guid
		})},
		{name: "entra-assertion-refused", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			p := r.ServicePrincipal("AcrPull")
			assertion := auth.SecretFunc(func(context.Context) (string, error) {
				return jwt(map[string]any{"iss": "https://issuer.example", "sub": "nobody",
					"aud": "api://AzureADTokenExchange", "exp": time.Now().Add(time.Hour).Unix()}), nil
			})
			tr := r.Transport(auth.FederatedServicePrincipal(p.TenantID, p.ClientID, assertion,
				&auth.EntraOptions{AuthorityHost: r.AuthorityHost()}))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "entra-sign-in-ended", make: says("AADSTS700082: The refresh token has expired due to inactivity.")},
		{name: "entra-audience-unknown",
			make: says(
				"AADSTS500011: The resource principal named https://containerregistry.azure.net was not found.")},
		{name: "entra-user-refused", make: says("AADSTS50126: Error validating credentials.")},
		{name: "entra-policy", make: says("AADSTS53003: Access has been blocked by Conditional Access policies.")},
		{name: "entra-refused", make: says("AADSTS9002313: Invalid request.")},
		{name: "scope-of-login-server", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			p := r.ServicePrincipal("AcrPull")
			x := call(t, r.RoundTripper(), http.MethodPost, r.AuthorityHost()+p.TenantID+"/oauth2/v2.0/token", nil,
				url.Values{
					"grant_type": {"client_credentials"}, "client_id": {p.ClientID}, "client_secret": {p.ClientSecret},
					"scope": {"https://" + acrHost + "/.default"}})
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "entra-unreachable", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			p := r.ServicePrincipal("AcrPull")
			tr := r.Transport(auth.ServicePrincipal(p.TenantID, p.ClientID, p.ClientSecret,
				&auth.EntraOptions{AuthorityHost: "https://" + closedPort(t)}))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "arm-audience-disabled", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			p := r.ServicePrincipal("AcrPull")
			if err := r.Manage().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
				s.ArmTokens = false
			}); err != nil {
				t.Fatal(err)
			}
			tr := r.Transport(auth.EntraToken(entraToken(t, r, p, "https://management.azure.com/.default")))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "other-cloud", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			p := r.ServicePrincipal("AcrPull")
			tr := r.Transport(auth.EntraToken(entraToken(t, r, p, "https://management.usgovcloudapi.net/.default")))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "exchange-refused", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(
				auth.EntraToken(jwt(map[string]any{"iss": "https://sts.windows.net/x/",
					"aud": "https://containerregistry.azure.net"})))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "no-role", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(r.ServicePrincipal().Credential())
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr},
				opts: diagnose.Options{Base: r.RoundTripper()}}
		}},
		{name: "abac-mode", class: "no-right-here", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			inABACMode(t, r)
			tr := r.Transport(r.ServicePrincipal("AcrPull").Credential())
			return failure{attempt: diagnose.Attempt{Err: do(t, tr, http.MethodGet, "/v2/team/app/manifests/v1"),
				Transport: tr}, arm: armOf(t, r), opts: diagnose.Options{Base: r.RoundTripper()}}
		}},
	}
}

// lacking is a token with the given lines that is refused a request.
func lacking(method, path string, lines ...string) func(*testing.T) failure {
	return func(t *testing.T) failure {
		r := acrtest.NewRegistry(t, nil)
		r.Push("team/app", "v1")
		tr := r.Transport(r.Token("reader", lines...).Credential())
		return failure{attempt: diagnose.Attempt{Err: do(t, tr, method, path), Transport: tr}, arm: armOf(t, r),
			opts: diagnose.Options{Base: r.RoundTripper()}}
	}
}

// locking is an image of which change locks something.
func locking(change func(*testing.T, *registry.Client, acrtest.Image), method string,
	path func(acrtest.Image) string) func(*testing.T) failure {
	return func(t *testing.T) failure {
		r := acrtest.NewRegistry(t, nil)
		img := r.Push("team/app", "v1")
		k := r.TokenOf("owner", "_repositories_admin")
		change(t, r.Client(k.Credential()), img)
		tr := r.Transport(k.Credential())
		return failure{attempt: diagnose.Attempt{Err: do(t, tr, method, path(img)), Transport: tr},
			opts: diagnose.Options{Base: r.RoundTripper()}}
	}
}

func off() registry.AttributeChange {
	no := false
	return registry.AttributeChange{Write: &no, Delete: &no}
}

func requestScenarios() []scenario {
	const app = "repositories/team/app/"
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	return []scenario{
		{name: "missing-right", make: lacking(http.MethodDelete, "/v2/team/app/manifests/"+digest, app+"content/read")},
		{name: "metadata-read-missing", make: lacking(http.MethodGet, "/v2/team/app/tags/list", app+"content/read")},
		{name: "push-without-pull", make: lacking(http.MethodPost, "/v2/team/app/blobs/uploads/", app+"content/write")},
		{name: "catalog-scoped", make: lacking(http.MethodGet, "/acr/v1/_catalog", app+"content/read", app+
			"metadata/read")},
		{name: "no-right-here", make: lacking(http.MethodGet, "/v2/team/app/manifests/v1",
			"repositories/other/content/read")},
		{name: "mount-source-missing", make: lacking(http.MethodPost, "/v2/team/app/blobs/uploads/?mount="+digest+
			"&from=other/base", app+"content/read", app+"content/write")},
		{name: "wildcard-wrong", class: "no-right-here", make: lacking(http.MethodGet, "/v2/team/app/manifests/v1",
			"repositories/team/app/*/content/read")},
		{name: "asked-too-little", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			cred := r.Token("reader", app+"content/read", app+"metadata/read").Credential()
			tr := r.Transport(cred)
			// As clients do that ask for pull and ignore the challenge.
			pull, err := tr.Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead))
			must(t, err)
			x := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/v2/team/app/tags/list",
				http.Header{"Authorization": {"Bearer " + pull.Value.Reveal()}}, nil)
			return failure{attempt: diagnose.Attempt{Exchange: x, Transport: tr},
				opts: diagnose.Options{Base: r.RoundTripper()}}
		}},
		{name: "wrong-identity", make: func(t *testing.T) failure {
			f := lacking(http.MethodGet, "/v2/team/app/manifests/v1", "repositories/other/content/read")(t)
			f.attempt.Lookups = []auth.Lookup{{Source: "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD",
				Kind: auth.KindScopedToken, Outcome: auth.OutcomeUsed},
				{Source: "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", Kind: auth.KindServicePrincipal,
					Outcome: auth.OutcomeShadowed}}
			return f
		}},
		{name: "repository-unknown", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			k := r.TokenOf("owner", "_repositories_admin")
			_, err := r.Client(k.Credential()).Repository(t.Context(), "team/gone")
			return failure{attempt: diagnose.Attempt{Err: err, Transport: r.Transport(k.Credential())}}
		}},
		{name: "tag-unknown", make: lacking(http.MethodGet, "/v2/team/app/manifests/gone", app+"content/read", app+
			"metadata/read")},
		{name: "blob-unknown", make: lacking(http.MethodDelete, "/v2/team/app/blobs/"+digest, app+"content/delete")},
		{name: "not-found", make: func(t *testing.T) failure {
			return answers(t, http.MethodGet, "/v2/team/app/referrers/"+digest, http.StatusNotFound,
				`{"errors":[{"code":"NOT_FOUND","message":"no such thing"}]}`)
		}},
		{name: "repository-name-wrong", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			return failure{attempt: diagnose.Attempt{Exchange: call(t, r.RoundTripper(), http.MethodGet, r.URL()+
				"/v2/Team/App/manifests/v1", nil, nil)}}
		}},
		{name: "locked", open: true, make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			img := r.Push("team/app", "v1")
			k := r.TokenOf("owner", "_repositories_admin")
			_, err := r.Client(k.Credential()).UpdateManifest(t.Context(), "team/app", img.Digest, off())
			must(t, err)
			token, err := r.Transport(k.Credential()).Token(t.Context(),
				acrkit.RepositoryScope("team/app", acrkit.ContentDelete))
			must(t, err)
			// Another client's exchange, and no credential to look closer with.
			x := call(t, r.RoundTripper(), http.MethodDelete, r.URL()+"/v2/team/app/manifests/"+img.Digest,
				http.Header{"Authorization": {"Bearer " + token.Value.Reveal()}}, nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "tag-locked", make: locking(func(t *testing.T, c *registry.Client, _ acrtest.Image) {
			_, err := c.UpdateTag(t.Context(), "team/app", "v1", off())
			must(t, err)
		}, http.MethodDelete, func(acrtest.Image) string { return "/acr/v1/team/app/_tags/v1" })},
		{name: "manifest-locked", make: locking(func(t *testing.T, c *registry.Client, img acrtest.Image) {
			_, err := c.UpdateManifest(t.Context(), "team/app", img.Digest, off())
			must(t, err)
		}, http.MethodDelete, func(img acrtest.Image) string { return "/v2/team/app/manifests/" + img.Digest })},
		{name: "repository-locked", make: locking(func(t *testing.T, c *registry.Client, _ acrtest.Image) {
			_, err := c.UpdateRepository(t.Context(), "team/app", off())
			must(t, err)
		}, http.MethodDelete, func(acrtest.Image) string { return "/acr/v1/team/app" })},
	}
}

// seen is everything that a diagnosis shows.
func seen(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
