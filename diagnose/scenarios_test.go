package diagnose_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator/fault"
)

// failure is an attempt that failed, with what may be asked about it.
type failure struct {
	attempt diagnose.Attempt
	opts    diagnose.Options
	arm     diagnose.ARM // nil: Azure Resource Manager would say no more
	check   *diagnose.Check
}

// scenario brings about one cause for real.
type scenario struct {
	name string // the cause's slug
	make func(t *testing.T) failure
	// class is what the cause is called without Azure Resource Manager, where the
	// wire does not tell it apart; "" = the cause itself.
	class string
	open  bool // the evidence leaves it open even with Azure Resource Manager
}

func of(err error) func(*testing.T) failure {
	return func(*testing.T) failure { return failure{attempt: diagnose.Attempt{Err: err}} }
}

// acr is a failure of a token request to acrHost through base.
func acr(t *testing.T, base http.RoundTripper) failure {
	t.Helper()
	tr, err := auth.NewTransport(acrHost, auth.ScopedToken("reader", "leak-canary-password"), &auth.Options{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return failure{attempt: diagnose.Attempt{
		Err: tokenError(t, tr, acrkit.RepositoryScope("team/app", acrkit.ContentRead)), Transport: tr},
		opts: diagnose.Options{Base: base}}
}

func codeScenarios() []scenario {
	return []scenario{
		{name: "wrong-usage", make: of(acrkit.CheckRepositoryName("Team/App"))},
		{name: "host-refused", make: func(*testing.T) failure {
			_, err := auth.NewTransport("myregistry.azurecr.io.evil.example", nil, nil)
			return failure{attempt: diagnose.Attempt{Err: err}}
		}},
		{name: "no-credential", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(auth.DockerConfig(filepath.Join(t.TempDir(), "config.json")))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "denied", open: true, make: func(t *testing.T) failure {
			base := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v2/" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(`{"errors":[{"code":"DENIED","message":"no"}]}`))
			})
			return acr(t, base)
		}},
		{name: "unavailable", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			token := r.Token("reader", "repositories/team/app/content/read")
			r.Fault(fault.Fault{Kind: fault.Status, Status: 503, Routes: []fault.Route{fault.RouteToken}})
			tr := r.Transport(token.Credential())
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "throttled", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			token := r.Token("reader", "repositories/team/app/content/read")
			r.Fault(fault.Fault{Kind: fault.Throttle, Routes: []fault.Route{fault.RouteToken}})
			tr := r.Transport(token.Credential())
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "local-failure", make: func(t *testing.T) failure {
			_, err := os.Open(filepath.Join(t.TempDir(), "gone"))
			return failure{attempt: diagnose.Attempt{Err: &acrkit.Error{Op: "write the output", Errs: []error{err}}}}
		}},
		{name: "incomplete",
			make: of(&acrkit.Error{Code: acrkit.CodeIncomplete, Op: "list all repositories",
				Reason: `"samples/*" cannot be enumerated`})},
		{name: "protocol", make: func(t *testing.T) failure {
			return acr(t, serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			}))
		}},
		{name: "too-large", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(nil)
			return failure{attempt: diagnose.Attempt{
				Err: tokenError(t, tr, acrkit.RepositoryScope(strings.Repeat("a", acrkit.MaxScope),
					acrkit.ContentRead)), Transport: tr}}
		}},
	}
}

func networkScenarios() []scenario {
	return []scenario{
		{name: "certificate-untrusted", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			base := leadTo(t, strings.Replace(r.Host(), "localhost", "127.0.0.1", 1), nil)
			tr, err := auth.NewTransport(r.Host(), nil, &auth.Options{Base: base})
			if err != nil {
				t.Fatal(err)
			}
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "name-unknown", make: func(t *testing.T) failure { base, _ := dns(t, 3); return acr(t, base) }},
		{name: "name-lookup-failed", make: func(t *testing.T) failure { base, _ := dns(t, 2); return acr(t, base) }},
		{name: "private-endpoint-public-address", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.DenyNetwork()
			tr := r.Transport(nil)
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr},
				opts: diagnose.Options{Base: r.RoundTripper(), Resolver: privateName{"52.168.1.1"}}}
		}},
		{name: "connection-refused", make: func(t *testing.T) failure { return acr(t, leadTo(t, closedPort(t), nil)) }},
		{name: "connection-timeout", make: func(t *testing.T) failure {
			base := serveTLS(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
				<-r.Context().Done()
			})
			base.ResponseHeaderTimeout = 20 * time.Millisecond
			return acr(t, base)
		}},
		{name: "tls-intercepted", make: func(t *testing.T) failure {
			cert, _ := issue(t, "Contoso Inspection", acrHost, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			return acr(t, leadTo(t, serveWith(t, cert, http.NotFound), nil))
		}},
		{name: "certificate-wrong-name", make: func(t *testing.T) failure {
			cert, pool := issue(t, "Microsoft Corporation", "other.azurecr.io", time.Now().Add(-time.Hour),
				time.Now().Add(time.Hour))
			return acr(t, leadTo(t, serveWith(t, cert, http.NotFound), pool))
		}},
		{name: "certificate-expired", make: func(t *testing.T) failure {
			cert, pool := issue(t, "Microsoft Corporation", acrHost, time.Now().Add(-2*time.Hour),
				time.Now().Add(-time.Hour))
			return acr(t, leadTo(t, serveWith(t, cert, http.NotFound), pool))
		}},
		{name: "plain-http-server", make: func(t *testing.T) failure {
			s := httptest.NewServer(http.HandlerFunc(http.NotFound))
			t.Cleanup(s.Close)
			return acr(t, leadTo(t, s.Listener.Addr().String(), nil))
		}},
		{name: "proxy-unreachable", make: func(t *testing.T) failure {
			tr := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: closedPort(t)})}
			t.Cleanup(tr.CloseIdleConnections)
			return acr(t, tr)
		}},
		{name: "network-rule", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.DenyNetwork()
			tr := r.Transport(nil)
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr},
				opts: diagnose.Options{Base: r.RoundTripper(), Resolver: noAlias{}}}
		}},
		{name: "not-a-registry", make: func(t *testing.T) failure { return acr(t, serveTLS(t, http.NotFound)) }},
		{name: "login-server-hash", class: "name-unknown", make: func(t *testing.T) failure {
			base, _ := dns(t, 3)
			f := acr(t, base)
			f.arm = armStandIn(t, "myregistry-abc123.azurecr.io", "none")
			return f
		}},
		{name: "data-endpoint-blocked", make: func(t *testing.T) failure {
			// The registry answers, and leads to a host at which nothing listens.
			closed := closedPort(t)
			base := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://wusmanaged174.blob.core.windows.net/0123//blob?sig=leak-canary-signature",
					http.StatusTemporaryRedirect)
			})
			lead := base.DialContext
			base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if strings.HasPrefix(addr, "wusmanaged174.") {
					addr = closed
					return (&net.Dialer{}).DialContext(ctx, network, addr)
				}
				return lead(ctx, network, addr)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+acrHost+
				"/v2/team/app/blobs/sha256:"+strings.Repeat("a", 64), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := (&http.Client{Transport: base}).Do(req)
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("it was not refused")
			}
			return failure{attempt: diagnose.Attempt{Registry: mustRegistry(t, acrHost), Err: err},
				opts: diagnose.Options{Base: base}}
		}},
		{name: "blob-redirect-with-credential", make: func(t *testing.T) failure {
			cert, pool := issue(t, "Microsoft Corporation", "wusmanaged174.blob.core.windows.net",
				time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			base := leadTo(t, serveWith(t, cert, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>InvalidAuthenticationInfo</Code></Error>`))
			}), pool)
			x := call(t, base, http.MethodGet, "https://wusmanaged174.blob.core.windows.net/blob",
				http.Header{"Authorization": {"Bearer leak-canary-bearer"}}, nil)
			return failure{attempt: diagnose.Attempt{Registry: mustRegistry(t, acrHost), Exchange: x}}
		}},
	}
}

func clientScenarios() []scenario {
	tokenURL := func(r *acrtest.Registry) string { return r.URL() + "/oauth2/token" }
	return []scenario{
		{name: "silently-anonymous", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			x := call(t, r.RoundTripper(), http.MethodPost, tokenURL(r), nil,
				url.Values{"grant_type": {"password"}, "service": {r.Host()}})
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "store-ignored", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			x := call(t, r.RoundTripper(), http.MethodGet, tokenURL(r)+"?service="+
				url.QueryEscape(r.Host()), http.Header{}, nil)
			return failure{attempt: diagnose.Attempt{Exchange: x,
				Lookups: []auth.Lookup{{Source: "docker-credential-desktop", Kind: auth.KindDockerConfig,
					Outcome: auth.OutcomeUsed}}}}
		}},
		{name: "password-whitespace", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			token := r.Token("reader", "repositories/team/app/content/read")
			x := call(t, r.RoundTripper(), http.MethodGet, tokenURL(r)+"?service="+url.QueryEscape(r.Host()),
				basic(token.Name, token.Password1+"\n"), nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "empty-scope", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			token := r.Token("reader", "repositories/team/app/content/read")
			x := call(t, r.RoundTripper(), http.MethodGet, tokenURL(r)+"?scope=&service="+url.QueryEscape(r.Host()),
				basic(token.Name, token.Password1), nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "header-too-large", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			x := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/v2/",
				basic("user", strings.Repeat("x", 400<<10)), nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "basic-on-api", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			token := r.Token("reader", "repositories/team/app/content/read", "repositories/team/app/metadata/read")
			x := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/v2/team/app/tags/list",
				basic(token.Name, token.Password1), nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}, opts: diagnose.Options{Base: r.RoundTripper()}}
		}},
		{name: "token-as-password", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(auth.ScopedToken("reader", jwt(map[string]any{"iss": "issuer.example", "aud": "x"})))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "token-ended", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			cred := r.Token("reader", "repositories/team/app/content/read").Credential()
			token, err := r.Transport(cred).Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead))
			if err != nil {
				t.Fatal(err)
			}
			r.Advance(2 * time.Hour)
			x := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/v2/team/app/manifests/v1",
				http.Header{"Authorization": {"Bearer " + token.Value.Reveal()}}, nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}, opts: diagnose.Options{Now: r.Clock().Now}}
		}},
		{name: "clock-off", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(r.Token("reader", "repositories/team/app/content/read").Credential())
			return failure{opts: diagnose.Options{Base: r.RoundTripper(), Now: func() time.Time {
				return time.Now().Add(24 * time.Hour)
			}},
				check: &diagnose.Check{Registry: tr.Registry(), Transport: tr}}
		}},
		{name: "stale-login", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			if err := r.Manage().SetAnonymousPull(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			tr := r.Transport(auth.DockerConfig(dockerFile(t, `{"auths":{"`+r.Host()+
				`":{"username":"gone","password":"leak-canary-password"}}}`)))
			scope := acrkit.RepositoryScope("team/app", acrkit.ContentRead)
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, scope), Required: scope, Transport: tr},
				opts: diagnose.Options{Base: r.RoundTripper()}}
		}},
		{name: "helper-missing", make: withDocker(`{"credsStore":"acrkit-test-gone"}`, "")},
		{name: "helper-failed", make: withDocker(`{"credsStore":"acrkit-test-fails"}`, "#!/bin/sh\nexit 3\n")},
		{name: "docker-config-broken", make: withDocker(`{"auths":`, "")},
		{name: "half-credential", make: func(*testing.T) failure {
			_, err := auth.FromEnvironment(func(name string) (string, bool) {
				v, ok := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "reader"}[name]
				return v, ok
			})
			return failure{attempt: diagnose.Attempt{Err: err}}
		}},
		{name: "wrong-registry-token", make: func(*testing.T) failure {
			_, err := auth.NewTransport(acrHost,
				auth.RefreshToken(jwt(map[string]any{"iss": "Azure Container Registry", "aud": "other.azurecr.io",
					"grant_type": "refresh_token"})), nil)
			return failure{attempt: diagnose.Attempt{Err: err}}
		}},
		{name: "anonymous-pull-off", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(nil)
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
		{name: "login-server-port", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			tr := r.Transport(r.Token("reader", "repositories/team/app/content/read").Credential())
			return failure{attempt: diagnose.Attempt{Exchange: call(t, r.RoundTripper(), http.MethodGet, r.URL()+
				"/v2/team/app/manifests/v1", nil, nil), Transport: tr, Written: acrHost + ":443"}}
		}},
	}
}

// noAlias is a resolver that knows a name as itself.
type noAlias struct{ privateName }

func (noAlias) LookupCNAME(_ context.Context, host string) (string, error) { return host + ".", nil }

func dockerFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withDocker is a login of Docker's that cannot be used.
func withDocker(config, helper string) func(*testing.T) failure {
	return func(t *testing.T) failure {
		r := acrtest.NewRegistry(t, nil)
		if helper != "" {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "docker-credential-acrkit-test-fails"), []byte(helper),
				0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		}
		tr := r.Transport(auth.DockerConfig(dockerFile(t, config)))
		return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
	}
}
