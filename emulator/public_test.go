package emulator_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
)

// TestPublic: the CA certificate and the two probes are answered to other machines over
// plain HTTP, on any host name, without a credential; nothing else is.
func TestPublic(t *testing.T) {
	f := start(t, &emulator.Options{BeyondLoopback: true, Seed: quietSeed(t)})
	ask := func(method, path, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://"+host+path, nil)
		r.RemoteAddr = "192.0.2.7:1234"
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w
	}
	for _, host := range []string{"localhost", "10.0.0.2:5443", "other.example"} {
		for path, want := range map[string]string{"/ca.pem": string(f.CACertificate()), "/healthz": "ok\n",
			"/readyz": "ok\n"} {
			if w := ask("GET", path, host); w.Code != 200 || w.Body.String() != want ||
				w.Header().Get("Www-Authenticate") != "" {
				t.Errorf("%s on %s: %d %s", path, host, w.Code, w.Body)
			}
			if w := ask("POST", path, host); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("POST %s: %d", path, w.Code)
			}
			if w := ask("GET", path+"/", host); w.Code == 200 {
				t.Errorf("%s/: %d", path, w.Code)
			}
		}
		if w := ask("GET", "/v2/", host); w.Code != 403 {
			t.Errorf("/v2/ on %s: %d", host, w.Code)
		}
	}
	block, rest := pem.Decode(ask("GET", "/ca.pem", "localhost").Body.Bytes())
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		t.Error("more than one certificate is given out")
	}
	must(t, f.Close())
	if w := ask("GET", "/readyz", "localhost"); w.Code != 503 {
		t.Errorf("ready when closed: %d", w.Code)
	}
	if w := ask("GET", "/healthz", "localhost"); w.Code != 200 {
		t.Errorf("not alive when closed: %d", w.Code)
	}
}

// TestPublic_undisturbed: no fault, network rule, rate limit or reset under way, and no host
// name that is for blobs, changes the answers, and the decision log has none of them.
func TestPublic_undisturbed(t *testing.T) {
	f := start(t, &emulator.Options{BlobRedirects: true, BlobHost: "127.0.0.9", RateLimits: true})
	reg, err := f.Registry("myregistry")
	must(t, err)
	must(t, reg.ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) { s.Network.Deny = true }))
	for _, x := range []fault.Fault{{Kind: fault.Status, Status: 503}, {Kind: fault.Drop}} {
		_, err := f.AddFault(x)
		must(t, err)
	}
	count := func() (n int) {
		for _, err := range f.Decisions(t.Context(), emulator.DecisionFilter{}) {
			must(t, err)
			n++
		}
		return n
	}
	before := count()
	for _, host := range []string{"localhost", "127.0.0.9", "myregistry.blob.localhost"} {
		for path, want := range map[string]string{"/ca.pem": string(f.CACertificate()), "/healthz": "ok\n",
			"/readyz": "ok\n"} {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://"+host+path, nil))
			if w.Code != 200 || w.Body.String() != want {
				t.Errorf("%s on %s: %d %s", path, host, w.Code, w.Body)
			}
		}
	}
	if n := count() - before; n != 0 {
		t.Errorf("%d decisions are in the log", n)
	}
}

// lockedBuffer is written by the server and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// TestUnknownTLSName: a client that asks for a name that is not served gets the alert that
// says so, and the log says once which name, up to a bound.
func TestUnknownTLSName(t *testing.T) {
	var log lockedBuffer
	e, err := emulator.Open(t.Context(), &emulator.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	defer e.Close()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- e.Serve(ctx, l) }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.CACertificate())
	dial := func(name string) error {
		c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: name}}).DialContext(ctx,
			"tcp", l.Addr().String())
		if err == nil {
			err = c.Close()
		}
		return err
	}
	for range 2 {
		if err := dial("acr.example"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%v", err)
		}
	}
	must(t, dial("localhost"))
	e.CertifiesOrSays("192.0.2.7") // where a forwarded port led: no name was asked for
	if strings.Contains(log.String(), "192.0.2.7") {
		t.Errorf("%s", log.String())
	}
	if n := strings.Count(log.String(), "name=acr.example"); n != 1 ||
		!strings.Contains(log.String(), "--hostname NAME") {
		t.Errorf("%d times: %s", n, log.String())
	}
	for i := range 100 {
		_ = dial(strings.Repeat("a", i%50+1) + string(rune('a'+i/50)) + ".example")
	}
	if n := strings.Count(log.String(), "not served"); n != 64 {
		t.Errorf("%d names are in the log, want 64", n)
	}
	cancel()
	must(t, <-served)
}

// userAuthority makes a certificate authority, as PEM.
func userAuthority(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the user's"}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	must(t, err)
	text, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text})
}

// TestGivenAuthority: the emulator's certificates are below a given authority, and its
// folder gets none.
func TestGivenAuthority(t *testing.T) {
	cert, key := userAuthority(t)
	e, err := emulator.Open(t.Context(), &emulator.Options{CACertificate: cert, CAKey: key, DataDir: t.TempDir(),
		Hostnames: []string{"acr"}})
	must(t, err)
	defer e.Close()
	if !bytes.Equal(e.CACertificate(), cert) {
		t.Error("another certificate is given out")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- e.Serve(ctx, l) }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "acr"}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.Addr().String()+"/readyz", nil)
	must(t, err)
	resp, err := client.Do(req)
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	resp.Body.Close()
	if string(body) != "ok\n" {
		t.Errorf("%s", body)
	}
	cancel()
	must(t, <-served)
	if _, err := emulator.Open(t.Context(), &emulator.Options{CACertificate: cert}); err == nil {
		t.Error("a certificate without its key is taken")
	}
}
