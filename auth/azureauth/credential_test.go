package azureauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

type tokenFunc func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error)

func (f tokenFunc) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return f(ctx, o)
}

// entraHook answers the exchange and the refresh-token grant of an Entra sign-in.
func entraHook(t *testing.T, wantToken string) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		form, _ := url.ParseQuery(string(body))
		switch r.URL.Path {
		case "/oauth2/exchange":
			if got := form.Get("access_token"); got != wantToken {
				t.Errorf("exchanged %q, want %q", got, wantToken)
			}
			json.NewEncoder(w).Encode(map[string]string{"refresh_token": token(acrkit.Scope{}, 3*time.Hour)})
			return true
		case "/oauth2/token":
			scope, _ := acrkit.ParseScope(form.Get("scope"))
			json.NewEncoder(w).Encode(map[string]string{"access_token": token(scope, time.Hour)})
			return true
		}
		return false
	}
}

func TestCredential(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	entra := token(acrkit.Scope{}, time.Hour)
	f.hook = entraHook(t, entra)
	var asked []policy.TokenRequestOptions
	tc := tokenFunc(func(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
		asked = append(asked, o)
		return azcore.AccessToken{Token: entra, ExpiresOn: time.Now().Add(time.Hour)}, nil
	})
	cred := azureauth.Credential(tc, &azureauth.Options{TenantID: "11111111-1111-1111-1111-111111111111"})
	c := f.client(cred)
	for range 2 {
		if err := getRepository(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 1 || asked[0].TenantID != "11111111-1111-1111-1111-111111111111" || len(asked[0].Scopes) != 1 ||
		asked[0].Scopes[0] != "https://containerregistry.azure.net/.default" {
		t.Errorf("the credential was asked %+v", asked)
	}
	want := []string{"POST /oauth2/exchange", "POST /oauth2/token", "GET /acr/v1/samples%2Fapp",
		"GET /acr/v1/samples%2Fapp"}
	if got := f.lines(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, text := range []string{fmt.Sprint(cred), fmt.Sprintf("%+v", cred), fmt.Sprintf("%#v", cred)} {
		if strings.Contains(text, entra) {
			t.Errorf("the credential shows its token: %s", text)
		}
	}
}

// authority answers azidentity's requests in its place.
type authority func(*http.Request) (*http.Response, error)

func (a authority) Do(r *http.Request) (*http.Response, error) { return a(r) }

const tenant, clientID, secret = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222",
	"sp-secret-never-to-be-told"

func clientSecret(t *testing.T, a authority) azcore.TokenCredential {
	t.Helper()
	c, err := azidentity.NewClientSecretCredential(tenant, clientID, secret, &azidentity.ClientSecretCredentialOptions{
		DisableInstanceDiscovery: true,
		ClientOptions: azcore.ClientOptions{Transport: a, Retry: policy.RetryOptions{MaxRetries: -1},
			Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.test/"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func respond(r *http.Request, status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Status: http.StatusText(status),
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func openID(r *http.Request) (*http.Response, error) {
	return respond(r, 200, `{"issuer":"https://login.test/`+tenant+
		`/v2.0","authorization_endpoint":"https://login.test/`+tenant+
		`/authorize","token_endpoint":"https://login.test/`+tenant+`/oauth2/v2.0/token"}`)
}

func TestCredentialErrors(t *testing.T) {
	t.Parallel()
	refuse := func(status int, body string) azcore.TokenCredential {
		return clientSecret(t, func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "openid-configuration") {
				return openID(r)
			}
			return respond(r, status, body)
		})
	}
	aad := func(number, word string) string {
		return fmt.Sprintf(
			`{"error":%q,"error_description":"AADSTS%s: something. Trace ID: x","error_codes":[%s],"trace_id":"0d5a9d35-0c36-4b5c-8c57-7e0f3c7a1f00","correlation_id":"6f1cb9b2-57a5-4a0a-9a2f-0d2f5c1c2b3a"}`, word, number, number)
	}
	for _, c := range []struct {
		name   string
		cred   azcore.TokenCredential
		code   acrkit.Code
		reason string
	}{
		{"wrong secret", refuse(401, aad("7000215", "invalid_client")), acrkit.CodeCredentialRejected, "AADSTS7000215"},
		{"expired secret", refuse(401, aad("7000222", "invalid_client")),
			acrkit.CodeCredentialRejected, "AADSTS7000222"},
		{"unknown application", refuse(400, aad("700016", "unauthorized_client")),
			acrkit.CodeCredentialRejected, "AADSTS700016"},
		{"unlisted number", refuse(400, aad("99999", "invalid_request")), acrkit.CodeCredentialRejected, "AADSTS99999"},
		{"no number", refuse(400, `{"error":"invalid_scope"}`), acrkit.CodeCredentialRejected, "invalid_scope"},
		{"no JSON", refuse(400, `<html>`), acrkit.CodeCredentialRejected, "did not accept"},
		{"throttled", refuse(429, ``), acrkit.CodeThrottled, "slow down"},
		{"down", refuse(503, ``), acrkit.CodeUnavailable, "not available"},
		{"network", clientSecret(t, func(*http.Request) (*http.Response, error) {
			return nil, errors.New("dial tcp: lookup login.test: no such host")
		}), acrkit.CodeUnavailable, ""},
		{"certificate", clientSecret(t, func(*http.Request) (*http.Response, error) {
			return nil, errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")
		}), acrkit.CodeTLS, ""},
		{"unavailable", tokenFunc(func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
			return azcore.AccessToken{}, azidentity.NewCredentialUnavailableError("no az on this machine\nsecond line")
		}), acrkit.CodeCredentialMissing, "no az on this machine"},
		{"empty token", tokenFunc(func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
			return azcore.AccessToken{}, nil
		}), acrkit.CodeProtocol, "empty token"},
		{"nil", nil, acrkit.CodeCredentialMissing, "nil"},
		{"any other error", tokenFunc(func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
			return azcore.AccessToken{}, errors.New("a source of someone's own")
		}), acrkit.CodeCredentialRejected, "a source of someone's own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			tries := 0
			counted := c.cred
			if c.cred != nil {
				counted = tokenFunc(func(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken,
					error) {
					tries++
					return c.cred.GetToken(ctx, o)
				})
			}
			err := getRepository(t.Context(), f.client(azureauth.Credential(counted, nil)))
			// One try of the caller's may ask for two audiences.
			if again := c.code == acrkit.CodeUnavailable || c.code == acrkit.CodeThrottled; again != (tries > 2) {
				t.Errorf("the credential was asked %d times for %s", tries, c.code)
			}
			if got := acrkit.CodeOf(err); got != c.code {
				t.Fatalf("code %q, want %q: %v", got, c.code, err)
			}
			if !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %q, want it to say %q", err, c.reason)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				if strings.Contains(text, secret) || strings.Contains(text, "\n") {
					t.Errorf("the error shows the secret or spans lines: %q", text)
				}
			}
			if strings.HasPrefix(c.reason, "AADSTS") {
				refusal, ok := errors.AsType[auth.EntraRefusal](err)
				if !ok || fmt.Sprintf("AADSTS%d", refusal.Number) != c.reason ||
					refusal.CorrelationID != "6f1cb9b2-57a5-4a0a-9a2f-0d2f5c1c2b3a" {
					t.Errorf("cause = %+v, %v", refusal, ok)
				}
			}
			// The request and with it the secret must not hang on the error.
			for e := err; e != nil; e = errors.Unwrap(e) {
				if _, ok := e.(*azidentity.AuthenticationFailedError); ok {
					t.Error("azidentity's error, which holds the request, is among the causes")
				}
			}
			if _, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
				t.Error("azidentity's error, which holds the request, is among the causes")
			}
		})
	}
}

func TestCredential_context(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	entered := make(chan struct{})
	tc := tokenFunc(func(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
		close(entered)
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	})
	rt, err := auth.NewTransport(f.host(), azureauth.Credential(tc, nil), &auth.Options{Base: f.httpClient().Transport})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+f.host()+"/acr/v1/samples/app",
			bytes.NewReader(nil))
		_, err := rt.RoundTrip(req)
		done <- err
	}()
	<-entered
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	rt.Close()
}
