package credhelper

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// azure answers as Entra and as a registry's token service, and notes who is asked.
type azure struct {
	t     *testing.T
	asked []string
}

func (a *azure) RoundTrip(req *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, req.URL.Host+req.URL.Path)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	answer, status := "", http.StatusOK
	switch {
	case req.URL.Host == "login.microsoftonline.com" && form.Get("client_secret") == "right-secret":
		answer = `{"access_token":"entra-token","expires_in":3600}`
	case req.URL.Host == "login.microsoftonline.com":
		answer, status = `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`, http.StatusUnauthorized
	case req.URL.Host == "myregistry.azurecr.io" && req.URL.Path == "/oauth2/exchange":
		answer = fmt.Sprintf(`{"refresh_token":"h.%s.s"}`, base64.RawURLEncoding.EncodeToString([]byte(`{"exp":4102444800}`)))
	default:
		a.t.Errorf("%s was asked", req.URL)
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer))}, nil
}

func helper(t *testing.T, env map[string]string) (*ACRCredHelper, *azure) {
	a := &azure{t: t}
	return &ACRCredHelper{lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, base: a}, a
}

var principal = map[string]string{"AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111", "AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222222", "AZURE_CLIENT_SECRET": "right-secret"}

func TestGet(t *testing.T) {
	token := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "made-up-password"}
	wrong := map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "wrong-secret"}
	for _, tc := range []struct {
		name, server string
		env          map[string]string
		user, err    string
		requests     int
	}{
		{"service_principal", "myregistry.azurecr.io", principal, "<token>", "", 2},
		{"as_a_url", "https://myregistry.azurecr.io/v2/", principal, "<token>", "", 2},
		{"scoped_token", "myregistry.azurecr.io", token, "ci", "", 0},
		{"scoped_token_of_another", "other.azurecr.io", token, "", "not found", 0},
		{"nothing", "myregistry.azurecr.io", nil, "", "not found", 0},
		{"half", "myregistry.azurecr.io", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}, "", "AZURE_CLIENT_SECRET", 0},
		{"refused", "myregistry.azurecr.io", wrong, "", "client secret", 1},
		{"docker_hub", "https://index.docker.io/v1/", principal, "", "not found", 0},
		{"look_alike", "myregistry.azurecr.io.evil.example", principal, "", "not found", 0},
		{"look_alike_as_a_user", "myregistry.azurecr.io@evil.example", principal, "", "not found", 0},
		{"bare_name", "myregistry", principal, "", "not found", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, a := helper(t, tc.env)
			user, secret, err := h.Get(tc.server)
			if user != tc.user || (secret == "") != (tc.user == "") {
				t.Errorf("the user %q, want %q", user, tc.user)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v, want %q", err, tc.err)
			}
			if err != nil && tc.err == "not found" && !credentials.IsErrCredentialsNotFound(err) {
				t.Errorf("%v is not what clients compare with", err)
			}
			if len(a.asked) != tc.requests {
				t.Errorf("asked %q", a.asked)
			}
			if err != nil && strings.Contains(err.Error(), "wrong-secret") {
				t.Error("the error holds the secret")
			}
		})
	}
}

// TestCallPattern is how ko and cosign take it: one keychain of several.
func TestCallPattern(t *testing.T) {
	h, _ := helper(t, principal)
	keychain := authn.NewMultiKeychain(authn.NewKeychainFromHelper(NewACRCredentialsHelper()), authn.NewKeychainFromHelper(h))
	reg, err := name.NewRegistry("myregistry.azurecr.io")
	if err != nil {
		t.Fatal(err)
	}
	a, err := keychain.Resolve(reg)
	if err != nil {
		t.Fatal(err)
	}
	config, err := a.Authorization()
	if err != nil || config.IdentityToken == "" {
		t.Errorf("no identity token: %v", err)
	}
}

// silent answers after a time, or never.
type silent struct {
	takes time.Duration
	azure
}

func (s *silent) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/oauth2/exchange" {
		select {
		case <-time.After(s.takes):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	return s.azure.RoundTrip(req)
}

// An answer takes 25 seconds at most.
func TestDeadline(t *testing.T) {
	for takes, ok := range map[time.Duration]bool{25*time.Second - 1: true, time.Hour: false} {
		synctest.Test(t, func(t *testing.T) {
			h, _ := helper(t, principal)
			h.base = &silent{takes, azure{t: t}}
			start := time.Now()
			_, _, err := h.Get("myregistry.azurecr.io")
			if took := time.Since(start); (err == nil) != ok || took != min(takes, 25*time.Second) {
				t.Errorf("a registry that takes %s: %v after %s", takes, err, took)
			}
		})
	}
}

func TestStoresNothing(t *testing.T) {
	h := NewACRCredentialsHelper()
	if h.Add(&credentials.Credentials{}) == nil || h.Delete("myregistry.azurecr.io") == nil {
		t.Error("it takes what it does not keep")
	}
	if all, err := h.List(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
