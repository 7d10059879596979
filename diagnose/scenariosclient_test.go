package diagnose_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
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

// printed is what a client prints, and nothing else is known.
func printed(format string, args ...any) failure {
	return failure{attempt: diagnose.Attempt{Text: fmt.Sprintf(format, args...)},
		opts: diagnose.Options{NoProbes: true}}
}

// answers is a request to a stand-in for acrHost that answers with a status and a body.
func answers(t *testing.T, method, path string, status int, body string) failure {
	t.Helper()
	base := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	return failure{attempt: diagnose.Attempt{Registry: mustRegistry(t, acrHost),
		Exchange: call(t, base, method, "https://"+acrHost+path, http.Header{}, nil)},
		opts: diagnose.Options{Base: base}}
}

// helperFails is what Docker prints of a helper that stores nothing and says why.
func helperFails(t *testing.T, says string) failure {
	t.Helper()
	helper := filepath.Join(t.TempDir(), "docker-credential-test")
	if err := os.WriteFile(helper, []byte("#!/bin/sh\necho '"+says+"'\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), helper, "store").Output()
	if err == nil {
		t.Fatal("the helper stored it")
	}
	return printed(
		"az acr login --name myregistry\nError saving credentials: error storing credentials - err: %s, out: `%s`", err,
		out)
}

func causesOfClientsScenarios() []scenario {
	return []scenario{
		{name: "other-registry", make: func(t *testing.T) failure {
			const hub = "index.docker.io"
			cert, pool := issue(t, "Amazon", hub, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			base := leadTo(t, serveWith(t, cert, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`))
			}), pool)
			x := call(t, base, http.MethodGet, "https://"+hub+"/v2/library/myregistry.azurecr.io/manifests/v1",
				http.Header{}, nil)
			return printed("GET %s: UNAUTHORIZED", x.URL)
		}},
		{name: "platform-missing", make: func(*testing.T) failure {
			return printed(
				`failed to pull and unpack image "%s/team/app:v1": no match for platform in manifest: not found`,
				acrHost)
		}},
		// No Accept: the image is an OCI one.
		{name: "accept-lacks-type", make: lacking(http.MethodGet, "/v2/team/app/manifests/v1",
			"repositories/team/app/content/read", "repositories/team/app/metadata/read")},
		{name: "upload-lost", make: lacking(http.MethodGet, "/v2/team/app/blobs/uploads/gone",
			"repositories/team/app/content/read", "repositories/team/app/content/write")},
		{name: "client-deadline", make: func(t *testing.T) failure {
			entered := make(chan struct{})
			base := serveTLS(t, func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			ctx, stop := context.WithDeadline(ctx, time.Now().Add(500*time.Millisecond))
			defer stop()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+acrHost+"/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := (&http.Client{Transport: base}).Do(req)
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("it was answered")
			}
			<-entered
			return printed("Error response from daemon: %v", err)
		}},
		{name: "secret-too-long", make: func(t *testing.T) failure {
			return helperFails(t, "The stub received bad data.")
		}},
		{name: "import-source-refused", make: func(*testing.T) failure {
			return printed(
				"ERROR: Operation registries-0a1b failed. Resource %s: the source registry answered 401 Unauthorized",
				acrHost)
		}},
		{name: "arm-action-denied", make: func(*testing.T) failure {
			const id = "11111111-2222-3333-4444-555555555555"
			return printed("az acr token create --name ci-pull --registry myregistry\n(AuthorizationFailed) The "+
				"client '%s' with object id '%s' does not have authorization to perform action '%s' over scope "+
				"'/subscriptions/%s/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myregistry/"+
				"tokens/ci-pull' or the scope is invalid.", id, id,
				"Microsoft.ContainerRegistry/registries/tokens/write", "66666666-7777-8888-9999-000000000000")
		}},
		{name: "arm-request-invalid", make: printedByARM("ScopeMapActionInvalid", "Scope map action: "+
			"'repositories/a/contentWrite' is invalid or not supported.")},
		{name: "arm-not-found", make: printedByARM("ResourceNotFound", "The Resource "+
			"'Microsoft.ContainerRegistry/registries/nothing' under resource group 'rg' was not found.")},
		{name: "arm-exists", make: printedByARM("AlreadyInUse", "The registry DNS name myregistry.azurecr.io is "+
			"already in use.")},
		{name: "arm-not-ready", make: printedByARM("TokenNotActive", "The token ci-pull is not active yet.")},
		{name: "arm-quota", make: printedByARM("QuotaExceeded", "the registry myregistry would have 101 tokens; the "+
			"tier Basic allows 100.")},
		{name: "conflict", make: of(&acrkit.Error{Code: acrkit.CodeConflict, Op: `change the scope map "ci-pull"`,
			Reason: "its actions were changed meanwhile; nothing was written"})},
		{name: "upload-part-refused", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.Fault(fault.Fault{Kind: fault.TooLarge, AfterBytes: 3})
			x := call(t, r.RoundTripper(), http.MethodPatch, r.URL()+"/v2/team/app/blobs/uploads/1", http.Header{},
				url.Values{"more": {"than that"}})
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "proxy-malformed", make: func(t *testing.T) failure {
			t.Setenv("HTTPS_PROXY", "http://user:leak-canary%zz@proxy.example:8080")
			base, _ := dns(t, 3)
			return acr(t, base)
		}},
		{name: "password-byte-order-mark", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			token := r.Token("reader", "repositories/team/app/content/read")
			x := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/oauth2/token?service="+url.QueryEscape(r.Host()),
				basic(token.Name, "\ufeff"+token.Password1), nil)
			return failure{attempt: diagnose.Attempt{Exchange: x}}
		}},
		{name: "storage-limit", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			token := r.TokenOf("admin", "_repositories_admin")
			r.Fault(fault.Fault{Kind: fault.Disallowed})
			x := call(t, r.RoundTripper(), http.MethodPost, r.URL()+"/v2/team/app/blobs/uploads/", http.Header{}, nil)
			return failure{attempt: diagnose.Attempt{Transport: r.Transport(token.Credential()), Exchange: x}}
		}},
		{name: "token-malformed", make: func(t *testing.T) failure {
			r := acrtest.NewRegistry(t, nil)
			whole := refreshToken(t, r, r.ServicePrincipal("AcrPull"))
			tr := r.Transport(auth.RefreshToken(whole[:len(whole)-40]))
			return failure{attempt: diagnose.Attempt{Err: tokenError(t, tr, acrkit.Scope{}), Transport: tr}}
		}},
	}
}

// TestCutToken: a token that was cut off is told from one that has ended, wherever it
// was cut and however it was sent; the fix has the registry's name.
func TestCutToken(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	whole := refreshToken(t, r, r.ServicePrincipal("AcrPull"))
	dots := strings.SplitAfterN(whole, ".", 3)
	for name, token := range map[string]string{
		"header":    dots[0][:len(dots[0])/2],
		"claims":    dots[0] + dots[1][:20],
		"broken":    dots[0] + "!" + dots[1] + dots[2],
		"signature": whole[:len(whole)-1],
	} {
		password := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/oauth2/token?service="+
			url.QueryEscape(r.Host()),
			basic("00000000-0000-0000-0000-000000000000", token), nil)
		form := call(t, r.RoundTripper(), http.MethodPost, r.URL()+"/oauth2/token", nil,
			url.Values{"grant_type": {"refresh_token"}, "service": {r.Host()}, "refresh_token": {token}})
		access := call(t, r.RoundTripper(), http.MethodGet, r.URL()+"/v2/team/app/tags/list",
			http.Header{"Authorization": {"Bearer " + token}}, nil)
		for how, x := range map[string]*diagnose.Exchange{"password": password, "form": form, "access": access} {
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Exchange: x}, &diagnose.Options{NoProbes: true})
			if err != nil {
				t.Fatal(err)
			}
			if c := row(t, d.Code); c.Name != "token-malformed" || d.Confidence != diagnose.Proved {
				t.Errorf("%s, as %s: %s %s %q", name, how, c.Name, d.Confidence, d.Evidence)
			}
		}
	}
	good := call(t, r.RoundTripper(), http.MethodPost, r.URL()+"/oauth2/token", nil,
		url.Values{"grant_type": {"refresh_token"}, "service": {r.Host()}, "refresh_token": {whole}})
	if good.Status != http.StatusOK {
		t.Errorf("the whole token is answered %d", good.Status)
	}
}

// TestMalformedProxy: a variable that is a URL, or a host, is none of that.
func TestMalformedProxy(t *testing.T) {
	for value, want := range map[string]string{
		"http://user:p%zz@proxy.example:8080": "proxy-malformed",
		"http://user:p%25@proxy.example:8080": "name-unknown",
		"proxy.example:8080":                  "name-unknown",
		"":                                    "name-unknown",
	} {
		t.Run(strings.ReplaceAll(value, "/", "_"), func(t *testing.T) {
			t.Setenv("HTTPS_PROXY", value)
			t.Setenv("https_proxy", "")
			base, resolver := dns(t, 3)
			tr, err := auth.NewTransport(acrHost, auth.ScopedToken("reader", "leak-canary-password"),
				&auth.Options{Base: base})
			if err != nil {
				t.Fatal(err)
			}
			steps := walk(t, diagnose.Check{Registry: tr.Registry(), Transport: tr},
				&diagnose.Options{Base: base, Resolver: resolver}, "p%zz")
			last := steps[len(steps)-1]
			if c := row(t, last.Diagnosis.Code); c.Name != want {
				t.Errorf("%s %s, want %s", last.Name, c.Name, want)
			}
		})
	}
}

// printedByARM is an error of Azure Resource Manager as az prints it.
func printedByARM(code, message string) func(*testing.T) failure {
	return func(*testing.T) failure { return printed("(%[1]s) %[2]s\nCode: %[1]s\nMessage: %[2]s", code, message) }
}
