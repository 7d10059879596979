package diagnose_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
)

// acrHost is a login server that no test reaches: stand-ins answer for it.
const acrHost = "myregistry.azurecr.io"

func mustRegistry(t *testing.T, s string) acrkit.Registry {
	t.Helper()
	reg, err := acrkit.ParseRegistry(s)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// leadTo returns a client that trusts roots and connects to addr for every name.
func leadTo(t *testing.T, addr string, roots *x509.CertPool) *http.Transport {
	t.Helper()
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// issue makes a certificate of an authority of its own.
func issue(t *testing.T, organization, name string, notBefore, notAfter time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	caKey, leafKey := key(), key()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{organization},
		CommonName: organization + " CA"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name}, NotBefore: notBefore, NotAfter: notAfter}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &leafKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{leafDER, caDER}, PrivateKey: leafKey}, pool
}

// serveTLS is a server for acrHost under a certificate that is trusted through the
// client it returns.
func serveTLS(t *testing.T, h http.HandlerFunc) *http.Transport {
	t.Helper()
	cert, pool := issue(t, "Microsoft Corporation", acrHost, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	return leadTo(t, serveWith(t, cert, h), pool)
}

func serveWith(t *testing.T, cert tls.Certificate, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// dns answers every question with a response code and returns a client whose names
// it looks up. 3 is NXDOMAIN, 2 SERVFAIL (RFC 1035 §4.1.1).
func dns(t *testing.T, code byte) (*http.Transport, *net.Resolver) {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 12 {
				continue
			}
			reply := bytes.Clone(buf[:n])
			reply[2], reply[3] = 0x81, 0x80|code
			reply[10], reply[11] = 0, 0 // no additional records
			end := 12
			for end < n && reply[end] != 0 {
				end += int(reply[end]) + 1
			}
			_, _ = conn.WriteTo(reply[:min(n, end+5)], from)
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	tr := &http.Transport{DialContext: (&net.Dialer{Resolver: r}).DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	return tr, r
}

// privateName is a resolver inside whose view a registry has a private endpoint
// and a public address.
type privateName struct{ addr string }

func (p privateName) LookupCNAME(context.Context, string) (string, error) {
	return "myregistry.privatelink.azurecr.io.", nil
}

func (p privateName) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr(p.addr)}, nil
}

// jwt makes a token with claims and a signature that no server accepts.
func jwt(claims map[string]any) string {
	part := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	return part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(claims) + "." +
		base64.RawURLEncoding.EncodeToString([]byte("leak-canary-signature"))
}

// call makes a request as some other client would, and returns what it shows.
func call(t *testing.T, rt http.RoundTripper, method, target string, header http.Header,
	form url.Values) *diagnose.Exchange {
	t.Helper()
	x := &diagnose.Exchange{Method: method, URL: target, RequestHeader: http.Header{}}
	var body io.Reader
	if form != nil {
		x.RequestBody = []byte(form.Encode())
		x.RequestHeader.Set("Content-Type", "application/x-www-form-urlencoded")
		body = bytes.NewReader(x.RequestBody)
	}
	for k, v := range header {
		x.RequestHeader[k] = v
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = x.RequestHeader.Clone()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	x.Status, x.Header = resp.StatusCode, resp.Header
	x.Body, _ = io.ReadAll(resp.Body)
	return x
}

func basic(user, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

// do sends a request through a transport and returns the refusal as an error.
func do(t *testing.T, tr *auth.Transport, method, path string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, tr.URL().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	if err := tr.ResponseError(resp, "do it"); err != nil {
		return err
	}
	_ = resp.Body.Close()
	t.Fatalf("%s %s: %s, and a refusal was wanted", method, path, resp.Status)
	return nil
}

// tokenError returns the error of a token request, which must fail.
func tokenError(t *testing.T, tr *auth.Transport, scope acrkit.Scope) error {
	t.Helper()
	if _, err := tr.Token(t.Context(), scope); err != nil {
		return err
	}
	t.Fatal("a token was given, and a refusal was wanted")
	return nil
}

// entraToken asks the emulator's Entra for a token.
func entraToken(t *testing.T, r *acrtest.Registry, p acrtest.ServicePrincipal, scope string) string {
	t.Helper()
	x := call(t, r.RoundTripper(), http.MethodPost, r.AuthorityHost()+p.TenantID+"/oauth2/v2.0/token", nil, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {p.ClientID}, "client_secret": {p.ClientSecret},
		"scope": {scope}})
	var doc struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(x.Body, &doc); err != nil || doc.Token == "" {
		t.Fatalf("no Entra token: %d", x.Status)
	}
	return doc.Token
}

// refreshToken exchanges an Entra token for an ACR refresh token.
func refreshToken(t *testing.T, r *acrtest.Registry, p acrtest.ServicePrincipal) string {
	t.Helper()
	x := call(t, r.RoundTripper(), http.MethodPost, r.URL()+"/oauth2/exchange", nil,
		url.Values{"grant_type": {"access_token"},
			"service":      {r.Host()},
			"access_token": {entraToken(t, r, p, "https://containerregistry.azure.net/.default")}})
	var doc struct {
		Token string `json:"refresh_token"`
	}
	if err := json.Unmarshal(x.Body, &doc); err != nil || doc.Token == "" {
		t.Fatalf("no refresh token: %d", x.Status)
	}
	return doc.Token
}

// armOf is the emulator's Azure Resource Manager as evidence.
func armOf(t *testing.T, r *acrtest.Registry) diagnose.ARM {
	t.Helper()
	return armAs(t, r, r.ServicePrincipal("Reader"))
}

// armAs is the same as a service principal sees it.
func armAs(t *testing.T, r *acrtest.Registry, p acrtest.ServicePrincipal) diagnose.ARM {
	t.Helper()
	arm, err := diagnose.NewARM(func(context.Context) (string, error) {
		return entraToken(t, r, p, "https://management.azure.com/.default"), nil
	}, &diagnose.ARMOptions{Endpoint: r.URL(), Base: r.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	return arm
}

// armStandIn answers as Azure Resource Manager about one registry of acrHost.
func armStandIn(t *testing.T, loginServer, token string, lines ...string) diagnose.ARM {
	t.Helper()
	const id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myregistry"
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{}
		switch {
		case r.URL.Path == "/subscriptions":
			answer["value"] = []any{map[string]string{"subscriptionId": "s"}}
		case strings.HasSuffix(r.URL.Path, "/registries"):
			answer["value"] = []any{map[string]any{"id": id, "name": "myregistry",
				"properties": map[string]any{"loginServer": loginServer}}}
		case strings.HasSuffix(r.URL.Path, "/tokens/"+token):
			answer["name"], answer["properties"] = token, map[string]any{"status": "enabled", "scopeMapId": id +
				"/scopeMaps/m"}
		case strings.HasSuffix(r.URL.Path, "/scopeMaps/m"):
			answer["name"], answer["properties"] = "m", map[string]any{"actions": lines}
		default:
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	arm, err := diagnose.NewARM(func(context.Context) (string, error) {
		return "leak-canary-arm-token", nil
	}, &diagnose.ARMOptions{Endpoint: s.URL, Base: s.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	return arm
}

// saysSource is a source of Entra tokens that fails with a text, as Microsoft's
// libraries do.
type saysSource string

func (s saysSource) EntraToken(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, fmt.Errorf("ClientSecretCredential authentication failed: %s", string(s))
}
