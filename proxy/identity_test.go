package proxy_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/proxy"
)

const (
	identityHeader = "identity-header-0123456789abcdef"
	acrResource    = "https://containerregistry.azure.net"
)

// startIdentity starts a proxy that is a managed identity, with a log that is to
// hold no secret.
func startIdentity(t *testing.T, opts proxy.Options) *fixture {
	t.Helper()
	var log bytes.Buffer
	opts.IdentityHeader = redact.NewSecret(identityHeader)
	opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := acrtest.NewRegistry(t, nil)
	f := start(t, reg, everything(reg), opts)
	t.Cleanup(func() { // after the server has ended: cleanups run last in, first out
		f.srv.Close()
		text := log.String()
		for _, secret := range []string{identityHeader, key} {
			if strings.Contains(text, secret) {
				t.Errorf("the log holds a secret: %s", text)
			}
		}
		if !strings.Contains(text, proxy.IdentityPath) {
			t.Errorf("the log says nothing of the requests: %s", text)
		}
	})
	return f
}

// identity asks for a token as SDKs do; change may make the request another one.
func (f *fixture) identity(query url.Values, change func(*http.Request)) answer {
	f.t.Helper()
	req := f.request(http.MethodGet, proxy.IdentityPath+"?"+query.Encode(), nil)
	req.Header.Set("X-IDENTITY-HEADER", identityHeader)
	if change != nil {
		change(req)
	}
	return f.do(req)
}

func identityQuery(pairs ...string) url.Values {
	v := url.Values{"api-version": {"2019-08-01"}, "resource": {acrResource}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestIdentity(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := startIdentity(t, proxy.Options{Now: func() time.Time { return now }})
	for name, query := range map[string]url.Values{
		"plain":             identityQuery(),
		"slash":             identityQuery("resource", acrResource+"/"),
		"client":            identityQuery("client_id", "22222222-2222-2222-2222-222222222222"),
		"principal":         identityQuery("principal_id", "x"),
		"object":            identityQuery("object_id", "x"),
		"resource id":       identityQuery("mi_res_id", "/subscriptions/x"),
		"another parameter": identityQuery("xms_cc", "CP1"),
	} {
		a := f.identity(query, nil)
		want := map[string]string{
			"access_token": key, "expires_on": "1800086400", // 24 h later
			"resource": query.Get("resource"), "token_type": "Bearer",
		}
		var got map[string]string // each a text, as App Service's
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.StatusCode != http.StatusOK ||
			len(got) != len(want) {
			t.Errorf("%s: %s %s %v", name, a.Status, a.body, err)
		}
		for field, value := range want {
			if got[field] != value {
				t.Errorf("%s: %s is %q, want %q", name, field, got[field], value)
			}
		}
		if got := a.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: Content-Type %s", name, got)
		}
	}
	// The token is good where SDKs take it.
	a := f.form("/oauth2/exchange",
		url.Values{"grant_type": {"access_token"}, "service": {f.host()}, "access_token": {key}})
	if a.StatusCode != http.StatusOK {
		t.Error(a.Status, a.body)
	}
}

// TestIdentity_refused: a request that differs from the one that SDKs make for the
// registry gets no key.
func TestIdentity_refused(t *testing.T) {
	f := startIdentity(t, proxy.Options{})
	header := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["X-Identity-Header"] = values }
	}
	twice := func(name, value string) url.Values {
		q := identityQuery()
		q.Add(name, value)
		return q
	}
	const other = "cannot sign in under --managed-identity"
	for _, tt := range []struct {
		name   string
		query  url.Values
		change func(*http.Request)
		status int
		says   string
	}{
		{"no header", identityQuery(), header(), 401, "X-IDENTITY-HEADER"},
		{"empty header", identityQuery(), header(""), 401, "X-IDENTITY-HEADER"},
		{"wrong header", identityQuery(), header("wrong"), 401, "X-IDENTITY-HEADER"},
		{"a header with a tail", identityQuery(), header(identityHeader + "x"), 401, "X-IDENTITY-HEADER"},
		{"half a header", identityQuery(), header(identityHeader[:16]), 401, "X-IDENTITY-HEADER"},
		{"the key as the header", identityQuery(), header(key), 401, "X-IDENTITY-HEADER"},
		{"two headers", identityQuery(), header(identityHeader, identityHeader), 401, "X-IDENTITY-HEADER"},
		{"another resource without the header", identityQuery("resource", "https://vault.azure.net"), header(), 401,
			"X-IDENTITY-HEADER"},
		{"Key Vault", identityQuery("resource", "https://vault.azure.net"), nil, 400,
			other + ` (a token for "https://vault.azure.net" was asked for)`},
		{"ARM", identityQuery("resource", "https://management.azure.com/"), nil, 400, other},
		{"a scope", identityQuery("resource", acrResource+"/.default"), nil, 400, other},
		{"two slashes", identityQuery("resource", acrResource+"//"), nil, 400, other},
		{"a look-alike", identityQuery("resource", acrResource+".evil.example"), nil, 400, other},
		{"a prefix", identityQuery("resource", "https://containerregistry.azure.ne"), nil, 400, other},
		{"HTTP", identityQuery("resource", "http://containerregistry.azure.net"), nil, 400, other},
		{"upper case", identityQuery("resource", "HTTPS://containerregistry.azure.net"), nil, 400, other},
		{"the key as the resource", identityQuery("resource", key), nil, 400, other},
		{"no resource", url.Values{"api-version": {"2019-08-01"}}, nil, 400, other},
		{"empty resource", identityQuery("resource", ""), nil, 400, other},
		{"two resources", twice("resource", "https://vault.azure.net"), nil, 400, other},
		{"the same resource twice", twice("resource", acrResource), nil, 400, other},
		{"what steers a terminal", identityQuery("resource", "https://a\x1b[31m"), nil, 400, other},
		{"no version", url.Values{"resource": {acrResource}}, nil, 400, "api-version"},
		{"an older version", identityQuery("api-version", "2017-09-01"), nil, 400, "api-version"},
		{"two versions", twice("api-version", "2019-08-01"), nil, 400, "api-version"},
		{"a malformed query", identityQuery(), func(r *http.Request) { r.URL.RawQuery += "&x=%" }, 400, "malformed"},
		{"POST", identityQuery(), func(r *http.Request) { r.Method = http.MethodPost }, 405, "by GET"},
		{"HEAD", identityQuery(), func(r *http.Request) { r.Method = http.MethodHead }, 405, ""},
		{"a web page", identityQuery(), func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
		}, 403, ""},
		{"another path", identityQuery(), func(r *http.Request) { r.URL.Opaque += "/" }, 404, ""},
	} {
		a := f.identity(tt.query, tt.change)
		if a.StatusCode != tt.status || !strings.Contains(strings.ReplaceAll(a.body, `\"`, `"`), tt.says) ||
			strings.Contains(a.body, key) || strings.Contains(a.body, identityHeader) ||
			strings.Contains(a.body, "\x1b") {
			t.Errorf("%s: %s %s", tt.name, a.Status, a.body)
		}
		if tt.says == "" {
			continue
		}
		// The fields that SDKs print, each of the type that they read.
		var doc struct {
			StatusCode     int
			Message, Error string
		}
		if err := json.Unmarshal([]byte(a.body), &doc); err != nil || doc.StatusCode != tt.status ||
			doc.Message == "" ||
			doc.Error == "" {
			t.Errorf("%s: %s, %v", tt.name, a.body, err)
		}
		if tt.status == http.StatusMethodNotAllowed && a.Header.Get("Allow") != http.MethodGet {
			t.Errorf("%s: Allow %q", tt.name, a.Header.Get("Allow"))
		}
	}
	req := f.request("GET", proxy.IdentityPath, nil)
	req.Host, req.URL.Opaque, req.URL.Path = "evil.example", "", proxy.IdentityPath
	req.URL.RawQuery = identityQuery().Encode()
	req.Header.Set("X-IDENTITY-HEADER", identityHeader)
	if a := f.do(req); a.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host: %s %s", a.Status, a.body)
	}
}

// TestIdentity_shownResource: a refusal repeats no more than 200 bytes of what was
// asked for.
func TestIdentity_shownResource(t *testing.T) {
	f := startIdentity(t, proxy.Options{})
	for length, shown := range map[int]bool{200: true, 201: false} {
		resource := strings.Repeat("r", length)
		if a := f.identity(identityQuery("resource", resource), nil); strings.Contains(a.body, resource) != shown {
			t.Errorf("%d bytes: %s", length, a.body)
		}
	}
}

// TestIdentity_off: without an IdentityHeader, the proxy gives no identity's token.
func TestIdentity_off(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	f := start(t, reg, everything(reg), proxy.Options{})
	for _, shown := range []string{"", identityHeader, key} {
		show := func(r *http.Request) { r.Header.Set("X-IDENTITY-HEADER", shown) }
		if a := f.identity(identityQuery(), show); a.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %s %s", shown, a.Status, a.body)
		}
	}
}

// TestIdentity_azidentity has Microsoft's library ask. The libraries of the other
// languages do so in interop.
func TestIdentity_azidentity(t *testing.T) {
	f := startIdentity(t, proxy.Options{})
	t.Setenv("IDENTITY_ENDPOINT", f.srv.URL+proxy.IdentityPath)
	t.Setenv("IDENTITY_HEADER", identityHeader)
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
	t.Setenv("AZURE_CLIENT_ID", "22222222-2222-2222-2222-222222222222") // sent on, and of no meaning
	opts := &azidentity.DefaultAzureCredentialOptions{}
	opts.Transport = f.srv.Client()
	cred, err := azidentity.NewDefaultAzureCredential(opts)
	if err != nil {
		t.Fatal(err)
	}
	token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{acrResource + "/.default"}})
	if err != nil || token.Token != key {
		t.Errorf("%v", err)
	}
	_, err = cred.GetToken(t.Context(),
		policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
	if err == nil || !strings.Contains(err.Error(), "cannot sign in under --managed-identity") ||
		strings.Contains(err.Error(), identityHeader) {
		t.Errorf("Key Vault: %v", err)
	}
}
