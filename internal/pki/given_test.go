package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/pki"
)

// authority makes a certificate authority as a user's tool does, changed by change.
func authority(t *testing.T, key crypto.Signer, change func(*x509.Certificate)) (certPEM, keyPEM []byte) {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the user's"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(30 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// TestGiven: certificates are below the given authority, one that may have no other
// below it included, for the names alone, and end no later than it.
func TestGiven(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	plain := func(*x509.Certificate) {}
	for name, x := range map[string]struct {
		key    crypto.Signer
		change func(*x509.Certificate)
	}{
		"P-256": {ecKey(t), plain}, "RSA": {rsaKey, plain},
		"no path": {ecKey(t), func(c *x509.Certificate) { c.MaxPathLenZero = true }},
		"usage":   {ecKey(t), func(c *x509.Certificate) { c.KeyUsage = 0 }},
	} {
		cert, key := authority(t, x.key, x.change)
		a, err := pki.Given(cert, key, []string{"acr"})
		must(t, err)
		if string(a.PEM()) != string(cert) {
			t.Errorf("%s: the root is another", name)
		}
		get := a.TLSConfig(always).GetCertificate
		c, err := get(hello("acr"))
		must(t, err)
		if err := verify(a, "acr", c.Certificate...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.Leaf.NotAfter.After(time.Now().Add(30 * 24 * time.Hour)) {
			t.Errorf("%s: the certificate outlives the authority", name)
		}
		if c, err := get(hello("example.com")); err == nil && c != nil {
			t.Errorf("%s: a certificate for another name", name)
		}
	}
}

func TestGiven_refused(t *testing.T) {
	good, goodKey := authority(t, ecKey(t), func(*x509.Certificate) {})
	for want, change := range map[string]func(*x509.Certificate){
		"is not a certificate authority's": func(c *x509.Certificate) { c.IsCA = false },
		"may sign no other":                func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature },
		"ended on":                         func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
		"begins on":                        func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) },
	} {
		cert, key := authority(t, ecKey(t), change)
		if _, err := pki.Given(cert, key, nil); !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	_, other := authority(t, ecKey(t), func(*x509.Certificate) {})
	for name, x := range map[string][2][]byte{"another key": {good, other}, "no key": {good, nil}, "no certificate": {nil, goodKey}, "exchanged": {goodKey, good}} {
		_, err := pki.Given(x[0], x[1], nil)
		if !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), "there is no certificate with its key") || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pki.Given(good, goodKey, []string{"a b"}); !errors.Is(err, acrkit.CodeUsage) {
		t.Error(err)
	}
}

// elsewhere is a connection whose local address no certificate is for, as that of a
// container is.
type elsewhere struct{ net.Conn }

func (elsewhere) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 443} }

// TestUnknownName: a client that asks for a name that is not served is told so by TLS, and
// one that names none gets the certificate of loopback: it may have come by a forwarded
// port.
func TestUnknownName(t *testing.T) {
	a := open(t, "")
	config := a.TLSConfig(func(name string) bool { return name == "localhost" || name == "127.0.0.1" })
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.PEM())
	for name, want := range map[string]string{"other.example": "unrecognized name", "127.0.0.1": "", "10.0.0.2": "not 10.0.0.2", "localhost": ""} {
		client, server := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- tls.Server(elsewhere{server}, config).Handshake() }()
		err := tls.Client(client, &tls.Config{ServerName: name, RootCAs: pool}).Handshake()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
		server.Close()
		<-served
	}
}
