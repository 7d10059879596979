package recipes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// trouble is what happens to the requests of the programs.
type trouble int

const (
	fine trouble = iota
	down         // none is answered
	lost         // those that wrote something are not answered
)

// cloud is all that the programs reach by HTTPS: a proxy that is the only way to the hosts, with
// their certificate. A host is what a test has put there.
type cloud struct {
	proxy string // its URL, for HTTPS_PROXY
	ca    []byte // that verifies the hosts, in PEM

	mu      sync.Mutex
	hosts   map[string]http.Handler
	trouble trouble
}

// cloudNames are the hosts that there can be.
var cloudNames = []string{"kubernetes.example", "myvault.vault.azure.net", "api.github.com", "gitlab.com"}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{hosts: map[string]http.Handler{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true,
		BasicConstraintsValid: true, DNSNames: cloudNames, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	server := httptest.NewUnstartedServer(c)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that programs give up
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(rw, "not a tunnel", http.StatusMethodNotAllowed)
			return
		}
		to, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		rw.WriteHeader(http.StatusOK)
		from, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		go func() { _, _ = io.Copy(to, buffered); to.Close() }()
		_, _ = io.Copy(from, to)
	}))
	t.Cleanup(proxy.Close)
	c.proxy = proxy.URL
	return c
}

func (c *cloud) set(what trouble) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = what
}

func (c *cloud) put(host string, h http.Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[host] = h
}

func (c *cloud) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	h, now := c.hosts[r.Host], c.trouble
	c.mu.Unlock()
	switch {
	case h == nil, now == down:
		panic(http.ErrAbortHandler)
	case now == lost && r.Method != http.MethodGet:
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code < http.StatusMultipleChoices {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(rw.Header(), answer.Header())
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
		return
	}
	h.ServeHTTP(rw, r)
}
