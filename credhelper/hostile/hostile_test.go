package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper/hostile"
)

// TestTransport holds the transport under everything else to the battery: as an Entra
// identity, with a refresh token and with a scope-mapped token.
func TestTransport(t *testing.T) {
	const secret = "made-up-client-secret"
	for name, cred := range map[string]auth.Credential{
		"service principal": auth.ServicePrincipal("11111111-1111-1111-1111-111111111111",
			"22222222-2222-2222-2222-222222222222", secret, nil),
		"ACR refresh token":  auth.RefreshToken(secret),
		"scope-mapped token": auth.ScopedToken("ci", secret),
	} {
		t.Run(name, func(t *testing.T) {
			hostile.Test(t, []string{secret},
				func(ctx context.Context, server string, network http.RoundTripper) (string, error) {
					rt, err := auth.NewTransport(server, cred, &auth.Options{Base: network})
					if err != nil {
						return "", err
					}
					defer rt.Close()
					client := &http.Client{Transport: rt} // which follows redirects
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, rt.URL().String()+
						"/v2/team/app/manifests/v1", nil)
					if err != nil {
						return "", err
					}
					if resp, err := client.Do(req); err == nil {
						_ = resp.Body.Close()
					}
					token, err := rt.RefreshToken(ctx)
					if err != nil {
						login, err := rt.Login(ctx, acrkit.CatalogScope())
						return login.Password.Reveal(), err
					}
					return token.Value.Reveal(), nil
				})
		})
	}
}

// recorder takes the errors of a battery.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// careless is a helper that sends requests to any host that matches a pattern.
func careless(pattern string, client func(http.RoundTripper) *http.Client) hostile.Ask {
	re := regexp.MustCompile(pattern)
	return func(ctx context.Context, server string, network http.RoundTripper) (string, error) {
		u, err := url.Parse("https://" + strings.TrimPrefix(server, "https://"))
		if err != nil || !re.MatchString(u.Hostname()) {
			return "", errors.New("not a registry of Azure's")
		}
		form := url.Values{"grant_type": {"access_token"}, "access_token": {"made-up-entra-token"}}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+u.Host+"/oauth2/exchange",
			strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		resp, err := client(network).Do(req)
		if err != nil {
			return "", err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return "", errors.New(resp.Status)
		}
		return "a refresh token", nil
	}
}

// The battery finds what is wrong with helpers that are wrong.
func TestFindsLeaks(t *testing.T) {
	following := func(network http.RoundTripper) *http.Client { return &http.Client{Transport: network} }
	staying := func(network http.RoundTripper) *http.Client {
		return &http.Client{Transport: network, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	const one, exact = `[a-z0-9-]+`, `^[a-z0-9-]+(\.[a-z0-9]+\.geo)?\.azurecr\.(io|us|cn)$`
	for _, tt := range []struct {
		name   string
		ask    hostile.Ask
		errors []string // some of those
	}{
		{"unanchored", careless(one+`\.azurecr\.(io|us|cn)`, staying),
			[]string{`"myregistry.azurecr.io.evil.example" gets a secret`,
				`https://myregistry.azurecr.io.evil.example/oauth2/exchange carries a secret`}},
		{"anchored_at_the_end", careless(one+`\.azurecr\.(io|us|cn)$`, staying),
			[]string{`"my.registry.azurecr.io" gets a secret`,
				`"myregistry.westeurope.data.azurecr.io" gets a secret`}},
		{"any_port", careless(exact, staying), []string{`"myregistry.azurecr.io:8443" gets a secret`}},
		{"follows_redirects", careless(exact, following),
			[]string{"POST https://evil.example/oauth2/exchange carries a secret: a token request is redirected"}},
		{"nothing_at_all", func(context.Context, string, http.RoundTripper) (string, error) {
			return "", nil
		}, []string{"myregistry.azurecr.io is a registry of Azure's and gets nothing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{TB: t}
			hostile.Test(r, []string{"made-up-entra-token"}, tt.ask)
			for _, want := range tt.errors {
				if !strings.Contains(strings.Join(r.errors, "\n"), want) {
					t.Errorf("it does not find %s, but %q", want, r.errors)
				}
			}
		})
	}
}

// There are enough, each once, and each says what it tries.
func TestHosts(t *testing.T) {
	const least = 60
	seen := map[string]bool{}
	for _, h := range hostile.Hosts() {
		if h.Trick == "" || seen[h.Server] {
			t.Errorf("%q: %q", h.Server, h.Trick)
		}
		seen[h.Server] = true
	}
	if len(seen) < least {
		t.Errorf("%d hosts", len(seen))
	}
	for _, a := range hostile.Answers() {
		if a.Trick == "" || a.Server == "" {
			t.Errorf("%+v", a)
		}
	}
}
