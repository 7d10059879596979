package credhelper

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/acrkit/acrkit/credhelper/hostile"
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
	case req.URL.Host == "login.microsoftonline.com" && (form.Get("client_secret") == "right-secret" ||
		form.Get("client_assertion") == "made-up-assertion"):
		answer = `{"access_token":"entra-token","expires_in":3600}`
	case req.URL.Host == "login.microsoftonline.com":
		answer,
			status = `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`,
			http.StatusUnauthorized
	case req.URL.Host == "myregistry.azurecr.io" && req.URL.Path == "/oauth2/exchange":
		answer = fmt.Sprintf(`{"refresh_token":"h.%s.s"}`,
			base64.RawURLEncoding.EncodeToString([]byte(`{"exp":4102444800}`)))
	default:
		a.t.Errorf("%s was asked", req.URL)
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)),
		ContentLength: int64(len(answer))}, nil
}

func helper(t *testing.T, env map[string]string) (*ACRCredHelper, *azure) {
	a := &azure{t: t}
	return &ACRCredHelper{lookup: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}, base: a, metadata: &metadata{}}, a
}

// metadata is a machine's metadata service, or none.
type metadata struct {
	there  bool
	asked  int      // times
	tokens []string // the client ids that a token was asked for
	hangs  bool     // where there is none, its address swallows what is sent
}

func (m *metadata) RoundTrip(req *http.Request) (*http.Response, error) {
	m.asked++
	if !m.there {
		if m.hangs {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	}
	answer, status := `{"error":"invalid_request"}`, http.StatusBadRequest
	if req.Header.Get("Metadata") == "true" {
		m.tokens = append(m.tokens, req.URL.Query().Get("client_id"))
		answer,
			status = `{"access_token":"entra-token","expires_in":"3600","resource":"https://containerregistry.azure.net","token_type":"Bearer"}`, http.StatusOK
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)),
		ContentLength: int64(len(answer))}, nil
}

var principal = map[string]string{"AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111",
	"AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222222", "AZURE_CLIENT_SECRET": "right-secret"}

var federated = map[string]string{"AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111",
	"AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222222", "AZURE_FEDERATED_TOKEN": "made-up-assertion"}

func with(envs ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, env := range envs {
		maps.Copy(all, env)
	}
	return all
}

// A managed identity is the last, and is used without being named; the metadata service is
// asked for registries of Azure's alone.
func TestManagedIdentity(t *testing.T) {
	// Microsoft's library keeps the token of an identity in the process: each case has its own.
	const client, second, third = "22222222-2222-2222-2222-222222222222", "22222222-2222-2222-2222-222222222223",
		"22222222-2222-2222-2222-222222222224"
	for _, tc := range []struct {
		name, server string
		env          map[string]string
		user         string
		clients      []string // that the metadata service was asked for
	}{
		{"system", "myregistry.azurecr.io", nil, "<token>", []string{""}},
		{"user", "myregistry.azurecr.io", map[string]string{"AZURE_CLIENT_ID": client}, "<token>", []string{client}},
		{"user_of_a_tenant", "myregistry.azurecr.io",
			map[string]string{"AZURE_CLIENT_ID": second, "AZURE_TENANT_ID": "t"}, "<token>", []string{second}},
		{"another_registry_than_named", "myregistry.azurecr.io",
			map[string]string{"ACR_NAME": "other", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "made-up-password",
				"AZURE_CLIENT_ID": third}, "<token>", []string{third}},
		{"after_a_secret", "myregistry.azurecr.io", principal, "<token>", nil},
		{"after_an_assertion", "myregistry.azurecr.io", federated, "<token>", nil},
		{"after_a_token", "myregistry.azurecr.io", map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci",
			"ACR_TOKEN_PASSWORD": "made-up-password"}, "ci", nil},
		{"after_half_a_principal", "myregistry.azurecr.io", map[string]string{"AZURE_CLIENT_SECRET": "s"}, "", nil},
		{"look_alike", "myregistry.azurecr.io.evil.example", nil, "", nil},
		{"docker_hub", "index.docker.io", nil, "", nil},
		{"public_images", "mcr.microsoft.com", nil, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, _ := helper(t, tc.env)
			m := &metadata{there: true}
			h.metadata = m
			user, secret, err := h.Get(tc.server)
			if user != tc.user || (secret == "") != (tc.user == "") || (err == nil) != (tc.user != "") {
				t.Errorf("the user %q, %v", user, err)
			}
			if !slices.Equal(m.tokens, tc.clients) || tc.clients == nil && m.asked != 0 {
				t.Errorf("the metadata service was asked %d times, for %q", m.asked, m.tokens)
			}
		})
	}
}

// A missing metadata service is detected within two seconds, and remembered for
// a minute.
func TestManagedIdentity_absent(t *testing.T) {
	for _, hangs := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h, _ := helper(t, nil)
			m := &metadata{hangs: hangs}
			h.metadata = m
			get := func(wait time.Duration, asked int) {
				t.Helper()
				start := time.Now()
				_, _, err := h.Get("myregistry.azurecr.io")
				if !credentials.IsErrCredentialsNotFound(err) {
					t.Errorf("%v", err)
				}
				if took := time.Since(start); took != wait || m.asked != asked {
					t.Errorf("took %s, asked %d times", took, m.asked)
				}
			}
			wait := map[bool]time.Duration{true: 2 * time.Second}[hangs]
			get(wait, 1)
			get(0, 1)
			time.Sleep(time.Minute - 1)
			get(0, 1)
			time.Sleep(time.Nanosecond)
			get(wait, 2)
			m.there = true
			time.Sleep(time.Minute)
			if user, _, err := h.Get("myregistry.azurecr.io"); err != nil || user != tokenUser {
				t.Errorf("it came: %q, %v", user, err)
			}
		})
	}
}

// An identity that AZURE_CLIENT_ID names is not "not found" where it cannot be used: the
// error says what was tried. The metadata service is asked once in a minute.
func TestManagedIdentity_named(t *testing.T) {
	h, _ := helper(t, map[string]string{"AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222225"})
	m := &metadata{}
	h.metadata = m
	for range 2 {
		_, _, err := h.Get("myregistry.azurecr.io")
		if err == nil || credentials.IsErrCredentialsNotFound(err) {
			t.Fatalf("%v", err)
		}
		for _, word := range []string{"myregistry.azurecr.io", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
			"AZURE_FEDERATED_TOKEN_FILE", "169.254.169.254", "2s"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%v, without %q", err, word)
			}
		}
	}
	if m.asked != 1 {
		t.Errorf("asked %d times", m.asked)
	}
	if _, _, err := h.Get("index.docker.io"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("another host: %v", err)
	}
}

// The table of docker-credential-acr-env's own test (v0.0.0-20230304212654): what it
// takes for a registry of Azure's, and why this helper differs where it does.
func TestHostsOfACREnv(t *testing.T) {
	for _, tc := range []struct {
		host   string
		acrEnv bool
		ours   bool
		why    string // of a difference
	}{
		{host: "myregistry.azurecr.io", acrEnv: true, ours: true},
		{host: "myregistry.azurecr.cn", acrEnv: true, ours: true},
		{host: "myregistry.azurecr.de", acrEnv: true,
			why: "the cloud of Germany was closed in October 2021; its names have no owner"},
		{host: "myregistry.azurecr.us", acrEnv: true, ours: true},
		{host: "mcr.microsoft.com", acrEnv: true,
			why: "it is no registry of a customer: its images are public, and it exchanges no token"},
		{host: "myregistry.azurecr.me"},
		{host: "notacr.xcr.example"},
		{host: "127.0.0.1:12345"},
		{host: "localhost:12345"},
		{host: "notaurl-)(*$@)(*@)(*"},
	} {
		if _, ok := registryOf(tc.host); ok != tc.ours {
			t.Errorf("%s: %v", tc.host, ok)
		}
		if (tc.acrEnv != tc.ours) != (tc.why != "") {
			t.Errorf("%s: the difference is not explained", tc.host)
		}
	}
}

func TestGet(t *testing.T) {
	token := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci",
		"ACR_TOKEN_PASSWORD": "made-up-password"}
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
		{"half", "myregistry.azurecr.io", map[string]string{"AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
			"", "AZURE_TENANT_ID", 0},
		{"plain_http", "http://myregistry.azurecr.io", principal, "", "not found", 0},
		{"federated", "myregistry.azurecr.io", federated, "<token>", "", 2},
		{"secret_before_federated", "myregistry.azurecr.io", with(federated, principal), "<token>", "", 2},
		{"principal_beside_another_name", "myregistry.azurecr.io",
			with(principal, map[string]string{"ACR_NAME": "other", "ACR_TOKEN_NAME": "ci",
				"ACR_TOKEN_PASSWORD": "made-up-password"}), "<token>", "", 2},
		{"token_before_principal", "myregistry.azurecr.io", with(principal, token), "ci", "", 0},
		{"half_a_token", "myregistry.azurecr.io",
			with(principal, map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci"}), "",
			"ACR_TOKEN_PASSWORD", 0},
		{"token_without_a_name", "myregistry.azurecr.io",
			with(principal, map[string]string{"ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "made-up-password"}),
			"<token>", "", 2},
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
	keychain := authn.NewMultiKeychain(authn.NewKeychainFromHelper(NewACRCredentialsHelper()),
		authn.NewKeychainFromHelper(h))
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

// No host of the test suite gets a secret, and nothing is sent there, with any
// environment.
func TestHostileHosts(t *testing.T) {
	for name, env := range map[string]map[string]string{"service_principal": principal, "federated": federated,
		"managed_identity": {"AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222225"}} {
		t.Run(name, func(t *testing.T) {
			hostile.Test(t, []string{"right-secret", "made-up-assertion"},
				func(_ context.Context, server string, network http.RoundTripper) (string, error) {
					h, _ := helper(t, env)
					h.base, h.metadata = network, network
					_, secret, err := h.Get(server)
					return secret, err
				})
		})
	}
}
