package azureauth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
)

// newCertificate makes a certificate and its key, both PEM.
func newCertificate(t testing.TB, name string) (certificate, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
}

func writeTo(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// register makes an application with certificates and the role AcrPull.
func register(t testing.TB, reg *acrtest.Registry, client string, certificates ...string) {
	t.Helper()
	app := seed.Application{ClientID: client, DisplayName: "test"}
	for _, c := range certificates {
		app.Certificates = append(app.Certificates, seed.Certificate{PEM: c})
	}
	if err := reg.Emulator().PutApplication(t.Context(), acrtest.TenantID, app); err != nil {
		t.Fatal(err)
	}
	if err := reg.Manage().AssignRole(t.Context(), seed.RoleAssignment{ClientID: client, Role: "AcrPull"}); err != nil {
		t.Fatal(err)
	}
}

func catalog(ctx context.Context, t *auth.Transport) error {
	_, err := t.Token(ctx, acrkit.CatalogScope())
	return err
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	certificate, key := newCertificate(t, "one")
	second, secondKey := newCertificate(t, "two")
	register(t, reg, clientID, certificate)
	path := writeTo(t, filepath.Join(t.TempDir(), "client.pem"), certificate+key)
	opts := &azidentity.ClientCertificateCredentialOptions{ClientOptions: reg.AzureOptions()}
	opts.Retry.MaxRetries = -1
	cred := azureauth.Certificate(acrtest.TenantID, clientID, path, "", opts)
	if cred.Kind() != auth.KindCertificate || !strings.Contains(cred.String(), clientID) ||
		!strings.Contains(cred.String(), "client.pem") {
		t.Errorf("%s, %s", cred.Kind(), cred)
	}
	if err := catalog(t.Context(), reg.Transport(cred)); err != nil {
		t.Fatal(err)
	}

	// Renewed on disk: refused while the application has only the old one, with
	// what people compare, and accepted afterwards without a new credential.
	writeTo(t, path, second+secondKey)
	rt := reg.Transport(cred)
	err := catalog(t.Context(), rt)
	refusal, ok := errors.AsType[auth.EntraRefusal](err)
	if acrkit.CodeOf(err) != acrkit.CodeCredentialRejected || !ok || refusal.Number != 700027 ||
		!strings.Contains(err.Error(), "the thumbprint ") || !strings.Contains(err.Error(), "client.pem") {
		t.Errorf("a certificate that the application does not have: %v", err)
	}
	if e, _ := errors.AsType[*acrkit.Error](err); e == nil || !strings.Contains(e.Hint, "az ad app credential list") {
		t.Errorf("hint of %+v", e)
	}
	register(t, reg, clientID, certificate, second)
	if err := catalog(t.Context(), rt); err != nil {
		t.Errorf("after it was registered: %v", err)
	}
}

func TestCertificate_sendsChain(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	certificate, key := newCertificate(t, "one")
	register(t, reg, clientID, certificate)
	path := writeTo(t, filepath.Join(t.TempDir(), "client.pem"), key+certificate)
	for _, send := range []bool{false, true} {
		opts := &azidentity.ClientCertificateCredentialOptions{ClientOptions: reg.AzureOptions(),
			SendCertificateChain: send}
		var header map[string]any
		opts.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				data, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(data))
				form, _ := url.ParseQuery(string(data))
				if part, _, ok := strings.Cut(form.Get("client_assertion"), "."); ok {
					data, _ := base64.RawURLEncoding.DecodeString(part)
					_ = json.Unmarshal(data, &header)
				}
			}
			return reg.HTTPClient().Do(r)
		})
		if err := catalog(t.Context(),
			reg.Transport(azureauth.Certificate(acrtest.TenantID, clientID, path, "", opts))); err != nil {
			t.Fatal(err)
		}
		if _, sent := header["x5c"]; sent != send {
			t.Errorf("SendCertificateChain %v: header %v", send, header)
		}
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestCertificate_files(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	certificate, key := newCertificate(t, "one")
	_, otherKey := newCertificate(t, "two")
	register(t, reg, clientID, certificate)
	dir := t.TempDir()
	pfx := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const secret = "pfx-password-never-to-be-told"
	for name, c := range map[string]struct {
		content  string
		password string
		code     acrkit.Code // "" = it is read, and the application does or does not have it
		says     string
	}{
		"PEM":                 {certificate + key, "", "", ""},
		"PEM with a password": {certificate + key, secret, "", ""},
		"certificate alone":   {certificate, "", acrkit.CodeUsage, "not its private key"},
		"key alone":           {key, "", acrkit.CodeUsage, "but no certificate"},
		"two keys":            {certificate + key + otherKey, "", acrkit.CodeUsage, "more than one private key"},
		"another key":         {certificate + otherKey, "", acrkit.CodeUsage, "belongs to another certificate"},
		"empty":               {"", "", acrkit.CodeUsage, "the file is empty"},
		"neither":             {"hello", "", acrkit.CodeUsage, "neither a PEM nor a PFX"},
		"broken PEM": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "",
			acrkit.CodeUsage, "are not a certificate"},
		"encrypted PEM": {certificate +
			"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", secret,
			acrkit.CodeUsage, "its private key is encrypted"},
		"too large":           {strings.Repeat("x", 257<<10), "", acrkit.CodeTooLarge, ""},
		"PFX with a password": {pfx("legacy.pfx"), secret, acrkit.CodeCredentialRejected, "AADSTS700027"},
		"PFX with a wrong password": {pfx("legacy.pfx"), "wrong-" + secret, acrkit.CodeUsage,
			"its password is another one"},
		"PFX without its password": {pfx("legacy.pfx"), "", acrkit.CodeUsage,
			"a PFX file with a password, and none is given"},
		"PFX of OpenSSL 3's default": {pfx("modern.pfx"), secret, acrkit.CodeUsage, "newer encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeTo(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "-")), c.content)
			opts := &azidentity.ClientCertificateCredentialOptions{ClientOptions: reg.AzureOptions()}
			opts.Retry.MaxRetries = -1
			cred := azureauth.Certificate(acrtest.TenantID, clientID, path, c.password, opts)
			err := catalog(t.Context(), reg.Transport(cred))
			if acrkit.CodeOf(err) != c.code || c.code == "" && err != nil || err != nil &&
				!strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", acrkit.CodeOf(err), err)
			}
			shown := fmt.Sprintf("%v %+v %#v %v %+v %#v", err, err, err, cred, cred, cred)
			for _, hidden := range []string{secret, "MII", "hello"} {
				if strings.Contains(shown, hidden) {
					t.Errorf("%q is shown: %s", hidden, shown)
				}
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		cred := azureauth.Certificate(acrtest.TenantID, clientID, filepath.Join(dir, "none"), "",
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: reg.AzureOptions()})
		if err := catalog(t.Context(), reg.Transport(cred)); acrkit.CodeOf(err) != acrkit.CodeCredentialMissing ||
			!strings.Contains(err.Error(), "there is no such file") {
			t.Errorf("%v", err)
		}
		token := reg.Token("reader", "repositories/*/metadata/read")
		if err := catalog(t.Context(), reg.Transport(auth.Chain(cred, token.Credential()))); err != nil {
			t.Errorf("a chain does not go on: %v", err)
		}
	})
}

// The authority is the registry's cloud's, so that no secret of one cloud is asked
// of another, and instance discovery is off for a strange one.
func TestCertificate_clouds(t *testing.T) {
	certificate, key := newCertificate(t, "one")
	path := writeTo(t, filepath.Join(t.TempDir(), "client.pem"), certificate+key)
	for _, c := range []struct{ registry, environment, option, want string }{
		{"myreg-abc123.azurecr.io", "", "", "login.microsoftonline.com"},
		{"myregistry.azurecr.us", "", "", "login.microsoftonline.us"},
		{"myregistry.azurecr.cn", "", "", "login.chinacloudapi.cn"},
		{"myregistry.azurecr.us", "https://login.test/", "", "login.test"},
		{"myregistry.azurecr.us", "https://login.test/", "https://adfs.test/", "adfs.test"},
	} {
		t.Setenv("AZURE_AUTHORITY_HOST", c.environment)
		var mu sync.Mutex
		var asked []string
		opts := &azidentity.ClientCertificateCredentialOptions{}
		opts.Retry.MaxRetries = -1
		opts.Cloud.ActiveDirectoryAuthorityHost = c.option
		// A known authority is confirmed by the public cloud's first, which would hide it here.
		opts.DisableInstanceDiscovery = !strings.HasSuffix(c.want, ".test")
		opts.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			asked = append(asked, r.URL.Host)
			mu.Unlock()
			return nil, errors.New("dial tcp: no such host")
		})
		rt, err := auth.NewTransport(c.registry, azureauth.Certificate(tenant, clientID, path, "", opts), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = catalog(t.Context(), rt)
		_ = rt.Close()
		if acrkit.CodeOf(err) != acrkit.CodeUnavailable || len(asked) == 0 || asked[0] != c.want {
			t.Errorf("%+v: asked %v, %v", c, asked, err)
		}
	}
	t.Setenv("AZURE_AUTHORITY_HOST", "")
	for registry, option := range map[string]string{"localhost:5443": "", "myregistry.azurecr.io": "http://login.test/",
		"myregistry": "https://u:p@login.test/"} {
		opts := &azidentity.ClientCertificateCredentialOptions{}
		opts.Cloud.ActiveDirectoryAuthorityHost = option
		_, err := auth.NewTransport(registry, azureauth.Certificate(tenant, clientID, path, "", opts), nil)
		if code := acrkit.CodeOf(err); code != acrkit.CodeUsage && code != acrkit.CodeHostRefused {
			t.Errorf("%s at %q: %v", registry, option, err)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	certificate, key := newCertificate(t, "one")
	register(t, reg, clientID, certificate)
	dir := t.TempDir()
	path := writeTo(t, filepath.Join(dir, "client.pem"), certificate+key)
	for name, c := range map[string]struct {
		set     map[string]string
		code    acrkit.Code
		says    string
		outcome auth.Outcome
	}{
		"certificate": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": path}, "", "", auth.OutcomeUsed},
		"secret goes first": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": path, "AZURE_CLIENT_SECRET": "x"},
			"", "", auth.OutcomeUsed},
		"no such file": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": path + "x"}, acrkit.CodeUsage,
			"there is no such file", auth.OutcomeIncomplete},
		"no certificate": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": writeTo(t, filepath.Join(dir, "x"), "x")},
			acrkit.CodeUsage, "neither a PEM nor a PFX", auth.OutcomeIncomplete},
		"no client": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": path, "AZURE_CLIENT_ID": ""},
			acrkit.CodeUsage, "AZURE_CLIENT_ID is missing", auth.OutcomeIncomplete},
		"no registry": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": path, "ACR_NAME": ""},
			acrkit.CodeCredentialMissing, "ACR_NAME", auth.OutcomeIncomplete},
		"nothing": {map[string]string{"AZURE_CLIENT_ID": "", "AZURE_TENANT_ID": ""}, acrkit.CodeCredentialMissing,
			"none is set", auth.OutcomeNotSet},
	} {
		vars := map[string]string{"ACR_NAME": reg.Host(), "AZURE_TENANT_ID": acrtest.TenantID,
			"AZURE_CLIENT_ID": clientID, "AZURE_AUTHORITY_HOST": reg.AuthorityHost()}
		for k, v := range c.set {
			vars[k] = v
		}
		env, err := azureauth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
			&azidentity.ClientCertificateCredentialOptions{
				ClientOptions: azcore.ClientOptions{Transport: reg.HTTPClient()}})
		if acrkit.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if last := env.Lookups[len(env.Lookups)-1]; last.Outcome != c.outcome {
			t.Errorf("%s: %+v", name, last)
		}
		if (env.Credential != nil) != (c.code == "") {
			t.Errorf("%s: credential %v", name, env.Credential)
		}
		if name == "certificate" {
			if env.Source != "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH" {
				t.Errorf("source %q", env.Source)
			}
			if err := catalog(t.Context(), reg.Transport(env.Credential)); err != nil {
				t.Error(err)
			}
		}
	}
}

// metadata is a fake metadata service: it has one listener, to which
// transport leads what is meant for the address of the real one.
type metadata struct {
	mu     sync.Mutex
	asked  []string
	answer func(w http.ResponseWriter, r *http.Request)
	addr   string
	dials  atomic.Int64 // to the address of the real one
}

func newMetadata(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *metadata {
	t.Helper()
	m := &metadata{answer: answer}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.asked = append(m.asked, r.URL.RequestURI()+" "+r.Header.Get("Metadata")+r.Header.Get("X-Identity-Header"))
		m.mu.Unlock()
		m.answer(w, r)
	}))
	t.Cleanup(srv.Close)
	m.addr = srv.Listener.Addr().String()
	return m
}

// client sends requests for 169.254.169.254 to the fake service; without one they fail
// as they do outside Azure.
func (m *metadata) client(t *testing.T) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "169.254.169.254:") {
			m.dials.Add(1)
			if m.addr == "" {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("network is unreachable")}
			}
			addr = m.addr
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// uniqueID returns a client id that no other test has: MSAL keeps the tokens of
// managed identities in one cache for the process.
func uniqueID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-4%x-8%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])[:36]
}

// entraTokenOf signs an application in, as the metadata service does for it.
func entraTokenOf(t *testing.T, reg *acrtest.Registry, roles ...string) string {
	t.Helper()
	token, err := reg.ServicePrincipal(roles...).AzureCredential().GetToken(t.Context(),
		policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	return token.Token
}

func sayToken(token string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "expires_in": "3599",
			"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()),
			"resource":   "https://containerregistry.azure.net", "token_type": "Bearer"})
	}
}

func say(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestManagedIdentity(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	token := entraTokenOf(t, reg, "AcrPull")
	for name, c := range map[string]struct {
		id   func(string) azidentity.ManagedIDKind
		want string
	}{
		"client id": {func(s string) azidentity.ManagedIDKind { return azidentity.ClientID(s) }, "client_id="},
		"object id": {func(s string) azidentity.ManagedIDKind { return azidentity.ObjectID(s) }, "object_id="},
		"resource id": {func(s string) azidentity.ManagedIDKind {
			return azidentity.ResourceID("/subscriptions/" + s)
		}, "msi_res_id="},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMetadata(t, sayToken(token))
			id := c.id(uniqueID())
			cred := azureauth.ManagedIdentity(&azidentity.ManagedIdentityCredentialOptions{ID: id,
				ClientOptions: azcore.ClientOptions{Transport: m.client(t)}})
			if cred.Kind() != auth.KindManagedIdentity || !strings.Contains(cred.String(), id.String()) {
				t.Errorf("%s, %s", cred.Kind(), cred)
			}
			rt := reg.Transport(cred)
			if n := m.dials.Load(); n != 0 {
				t.Errorf("%d connections before a token is needed", n)
			}
			if err := catalog(t.Context(), rt); err != nil {
				t.Fatal(err)
			}
			if len(m.asked) != 1 || !strings.Contains(m.asked[0], c.want) || !strings.HasSuffix(m.asked[0], " true") ||
				!strings.Contains(m.asked[0], "resource=https%3A%2F%2Fcontainerregistry.azure.net") {
				t.Errorf("asked %q", m.asked)
			}
		})
	}
}

func TestManagedIdentity_errors(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	for name, c := range map[string]struct {
		system bool
		answer func(http.ResponseWriter, *http.Request) // nil = there is no such machine
		code   acrkit.Code
		says   string
	}{
		"not on Azure": {true, nil, acrkit.CodeCredentialMissing, "this is not a machine of Azure's"},
		"no system identity": {true,
			say(400, `{"error":"invalid_request","error_description":"Identity not found"}`),
			acrkit.CodeCredentialMissing, "no system-assigned managed identity"},
		"no such identity": {false,
			say(400, `{"error":"invalid_request","error_description":"Identity not found"}`),
			acrkit.CodeCredentialRejected, "this machine does not have it"},
		"resource unknown": {false,
			say(400,
				`{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named x was not found"}`), acrkit.CodeCredentialRejected, "AADSTS500011"},
		"resource unknown, system": {true,
			say(400,
				`{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named x was not found"}`), acrkit.CodeCredentialRejected, "AADSTS500011"},
		"forbidden":      {false, say(403, `{}`), acrkit.CodeCredentialRejected, "does not answer this program"},
		"not ready":      {false, say(410, `{}`), acrkit.CodeUnavailable, "is not ready"},
		"throttled":      {false, say(429, `{}`), acrkit.CodeThrottled, "slow down"},
		"broken":         {false, say(500, `{}`), acrkit.CodeUnavailable, "is not ready"},
		"something else": {false, say(200, `<html>`), acrkit.CodeProtocol, "is not a metadata service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &metadata{}
			if c.answer != nil {
				m = newMetadata(t, c.answer)
			}
			opts := &azidentity.ManagedIdentityCredentialOptions{
				ClientOptions: azcore.ClientOptions{Transport: m.client(t), Retry: policy.RetryOptions{MaxRetries: -1}}}
			if !c.system {
				opts.ID = azidentity.ClientID(uniqueID())
			}
			cred := azureauth.ManagedIdentity(opts)
			err := catalog(t.Context(), reg.Transport(cred))
			if acrkit.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", acrkit.CodeOf(err), err)
			}
			after := catalog(t.Context(),
				reg.Transport(auth.Chain(cred,
					reg.TokenOf("reader-"+strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", ""),
						"_repositories_pull").Credential())))
			if goesOn := acrkit.CodeOf(after) != c.code; goesOn != (c.code == acrkit.CodeCredentialMissing) {
				t.Errorf("in a chain: %v", after)
			}
		})
	}
}

// An address that swallows packets is tried once and no longer than a moment, though
// azidentity's own defaults would wait for minutes.
func TestManagedIdentity_givesUpSoon(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	m := &metadata{}
	cred := azureauth.ManagedIdentity(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: m.client(t)}})
	if err := catalog(t.Context(), reg.Transport(cred)); acrkit.CodeOf(err) != acrkit.CodeCredentialMissing {
		t.Errorf("%v", err)
	}
	if n := m.dials.Load(); n != 1 {
		t.Errorf("%d tries", n)
	}
}

// App Service, Functions and Container Apps have an endpoint of their own.
func TestManagedIdentity_appService(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	m := newMetadata(t, sayToken(entraTokenOf(t, reg, "AcrPull")))
	t.Setenv("IDENTITY_ENDPOINT", "http://"+m.addr+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "header-value")
	cred := azureauth.ManagedIdentity(&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(uniqueID())})
	if err := catalog(t.Context(), reg.Transport(cred)); err != nil {
		t.Fatal(err)
	}
	if len(m.asked) != 1 || !strings.HasPrefix(m.asked[0], "/msi/token?") ||
		!strings.HasSuffix(m.asked[0], " header-value") {
		t.Errorf("asked %q", m.asked)
	}
	m.answer = say(401, `{"message":"bad header"}`)
	err := catalog(t.Context(),
		reg.Transport(azureauth.ManagedIdentity(&azidentity.ManagedIdentityCredentialOptions{
			ID:            azidentity.ClientID(uniqueID()),
			ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}})))
	if acrkit.CodeOf(err) != acrkit.CodeCredentialRejected {
		t.Errorf("refused: %v", err)
	}
}

// Nothing but a managed identity that is used asks the metadata service: not its
// construction, not a chain that ends before it, not the environment.
func TestNoProbeUnasked(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	m := &metadata{}
	before := http.DefaultTransport.(*http.Transport).DialContext
	http.DefaultTransport.(*http.Transport).DialContext = m.client(t).Transport.(*http.Transport).DialContext
	t.Cleanup(func() { http.DefaultTransport.(*http.Transport).DialContext = before })
	certificate, key := newCertificate(t, "one")
	register(t, reg, clientID, certificate)
	path := writeTo(t, filepath.Join(t.TempDir(), "client.pem"), certificate+key)
	identity := azureauth.ManagedIdentity(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: m.client(t)}})
	options := &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: reg.HTTPClient()}}
	vars := map[string]string{"ACR_NAME": reg.Host(), "AZURE_TENANT_ID": acrtest.TenantID, "AZURE_CLIENT_ID": clientID,
		"AZURE_AUTHORITY_HOST": reg.AuthorityHost(), "AZURE_CLIENT_CERTIFICATE_PATH": path}
	env, err := azureauth.FromEnvironment(func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, cred := range []auth.Credential{
		env.Credential,
		auth.Chain(env.Credential, identity),
		auth.Chain(auth.ScopedTokenSource("reader", auth.SecretFile(path+".none")), env.Credential, identity),
		auth.ByRepository(map[string]auth.Credential{"team": identity, "": env.Credential}),
	} {
		if err := catalog(t.Context(), reg.Transport(cred)); err != nil {
			t.Errorf("%s: %v", cred, err)
		}
	}
	if n := m.dials.Load(); n != 0 {
		t.Errorf("the metadata service was asked %d times", n)
	}
	_ = catalog(t.Context(), reg.Transport(identity))
	if n := m.dials.Load(); n != 1 {
		t.Errorf("this test does not see who asks: %d", n)
	}
}

// stubAz puts a program az in front of PATH.
func stubAz(t *testing.T, script string) { t.Helper(); stub(t, "az", script) }

func stub(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// TestRefusalWithoutAnswer: an error of azidentity that has Entra's words and not its
// answer keeps the number and the correlation id.
func TestRefusalWithoutAnswer(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	stub(t, "azd", `echo "AADSTS700082: The refresh token has expired. Trace ID: x Correlation ID: `+
		`6f1cb9b2-57a5-4a0a-9a2f-0d2f5c1c2b3a Timestamp: y" >&2; exit 1`)
	azd, err := azidentity.NewAzureDeveloperCLICredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = catalog(t.Context(), reg.Transport(azureauth.Credential(azd, nil)))
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeCredentialRejected || e.RequestID != "6f1cb9b2-57a5-4a0a-9a2f-0d2f5c1c2b3a" {
		t.Fatalf("%+v", err)
	}
	if refusal, ok := errors.AsType[auth.EntraRefusal](err); !ok || refusal.Number != 700082 ||
		refusal.CorrelationID != e.RequestID {
		t.Errorf("%+v", refusal)
	}
}

func TestAzureCLI(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	token := entraTokenOf(t, reg, "AcrPull")
	arguments := filepath.Join(t.TempDir(), "arguments")
	stubAz(t, `printf '%s\n' "$*" >>`+shell.Quote(arguments)+`
printf '{"accessToken":"`+token+`","expires_on":4102444800}'`)
	cred := azureauth.AzureCLI(&azidentity.AzureCLICredentialOptions{TenantID: acrtest.TenantID})
	if cred.Kind() != auth.KindAzureCLI {
		t.Error(cred.Kind())
	}
	rt := reg.Transport(cred)
	if _, err := os.Stat(arguments); err == nil {
		t.Error("az was run before a token was needed")
	}
	for range 2 {
		if err := catalog(t.Context(), rt); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(arguments)
	if err != nil {
		t.Fatal(err)
	}
	if want := "account get-access-token -o json --resource https://containerregistry.azure.net --tenant " +
		acrtest.TenantID + "\n"; string(got) != want {
		t.Errorf("az was run as %q, want %q", got, want)
	}
	for name, c := range map[string]struct {
		script string
		code   acrkit.Code
		says   string
	}{
		"not installed": {"", acrkit.CodeCredentialMissing, "there is no program az"},
		"not signed in": {`echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`,
			acrkit.CodeCredentialMissing, "no account is signed in"},
		"expired": {
			`echo "ERROR: AADSTS700082: The refresh token has expired due to inactivity. Trace ID: x. To re-authenticate, please run: az login" >&2; exit 1`, acrkit.CodeCredentialRejected, "AADSTS700082"},
		"unknown tenant": {`echo "ERROR: AADSTS90002: Tenant x not found." >&2; exit 1`, acrkit.CodeCredentialRejected,
			"AADSTS90002"},
		"offline": {`echo "ERROR: HTTPSConnectionPool: dial tcp: no such host" >&2; exit 1`,
			acrkit.CodeUnavailable, ""},
		"crashes": {`echo "ERROR: The command failed with an unexpected error." >&2; exit 1`, acrkit.CodeProtocol,
			"az failed: ERROR: The command failed"},
		"no JSON":  {`echo hello`, acrkit.CodeProtocol, "az printed no token"},
		"no token": {`echo '{"expires_on":4102444800}'`, acrkit.CodeProtocol, "empty token"},
	} {
		stubAz(t, c.script)
		err := catalog(t.Context(), reg.Transport(azureauth.AzureCLI(nil)))
		if acrkit.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) ||
			strings.Contains(err.Error(), "troubleshoot") {
			t.Errorf("%s: %s: %v", name, acrkit.CodeOf(err), err)
		}
	}
	err = catalog(t.Context(),
		reg.Transport(azureauth.AzureCLI(&azidentity.AzureCLICredentialOptions{TenantID: "$(reboot)"})))
	if acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("a tenant for a shell: %v", err)
	}
}
