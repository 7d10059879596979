// Package pki is a certificate authority of one machine: a root that is made
// once for a folder, and server certificates issued for the name a client
// asks for.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
)

const (
	// CertFile is the root certificate's name in the data folder.
	CertFile = "ca.pem"
	keyFile  = "ca-key.pem"

	rootLife = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	// renewBefore keeps a long-running server from serving an expired leaf.
	renewBefore = 7 * 24 * time.Hour
	// backdate allows for clients whose clock is behind.
	backdate = 24 * time.Hour
	// maxLeaves bounds the certificates in memory: *.azurecr.localhost has no end.
	maxLeaves = 256
)

// Authority issues certificates. Its methods are safe for concurrent use.
type Authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// Open reads the authority of a data folder, or makes it. With "" it is made in
// memory. The certificate is readable by all, the key by its owner alone.
//
// Certificates follow the machine's clock, not an emulated one: clients check
// them by theirs.
func Open(dir string) (*Authority, error) {
	if dir == "" {
		key, err := newKey()
		if err != nil {
			return nil, err
		}
		return newAuthority(key)
	}
	keyPath, certPath := filepath.Join(dir, keyFile), filepath.Join(dir, CertFile)
	keyPEM, haveKey, err := private.ReadFile(keyPath)
	if err != nil {
		return nil, unreadable(keyPath, err)
	}
	certPEM, haveCert, err := private.ReadFile(certPath)
	if err != nil {
		return nil, unreadable(certPath, err)
	}
	switch {
	case haveCert && !haveKey:
		return nil, unreadable(keyPath, errors.New("the certificate is there, its key is not"))
	case haveCert:
		key, err := parseKey(keyPEM)
		if err != nil {
			return nil, unreadable(keyPath, err)
		}
		a, err := parseCert(certPEM, key)
		if err != nil {
			return nil, unreadable(certPath, err)
		}
		return a, nil
	}
	var key *ecdsa.PrivateKey
	if haveKey { // a crash came between the two files
		key, err = parseKey(keyPEM)
		if err != nil {
			return nil, unreadable(keyPath, err)
		}
	} else {
		if key, err = newKey(); err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		if err := private.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			return nil, err
		}
	}
	a, err := newAuthority(key)
	if err != nil {
		return nil, err
	}
	return a, private.WriteFile(certPath, a.pem, 0o644)
}

func unreadable(path string, err error) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read " + path, Causes: []error{err},
		Hint: "remove " + CertFile + " and " + keyFile + " to have a new certificate authority; clients must then trust the new one"}
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) }

func newAuthority(key *ecdsa.PrivateKey) (*Authority, error) {
	n, err := serial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: n,
		// The serial tells the roots of two folders apart in a trust store.
		Subject:               pkix.Name{Organization: []string{"acrkit (development only)"}, CommonName: "acrkit local CA " + hex.EncodeToString(n.Bytes())[:8]},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(rootLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return parseCert(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key)
}

func parseKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("holds no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("holds no private key")
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("holds a key of another kind")
	}
	return ec, nil
}

func parseCert(data []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("holds no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if !cert.IsCA || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the certificate does not belong to the key")
	}
	if time.Now().After(cert.NotAfter) {
		return nil, fmt.Errorf("the certificate expired on %s", cert.NotAfter.Format(time.DateOnly))
	}
	return &Authority{key: key, cert: cert, pem: data, leaves: map[string]*tls.Certificate{}}, nil
}

// PEM returns the root certificate.
func (a *Authority) PEM() []byte { return append([]byte(nil), a.pem...) }

// TLSConfig returns the server's side of TLS. Certificates are issued for names
// that serves accepts; a client that asks for another, which may be one that was
// led here by a stolen DNS name, is refused in the handshake. A client that names
// no host has connected to an address: it gets the certificate of that address.
func (a *Authority) TLSConfig(serves func(host string) bool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // what the recorded service spoke
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
			if name == "" {
				name = localName(hello.Conn)
			}
			if !serves(name) {
				return nil, fmt.Errorf("no certificate for %q", name)
			}
			return a.leaf(name)
		},
	}
}

func localName(conn net.Conn) string {
	if conn != nil {
		if addr, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
			return addr.Addr().Unmap().WithZone("").String()
		}
	}
	return "localhost"
}

// leaf returns a certificate for the name. One for this machine is good for all
// its usual names, because the address behind a forwarded port differs from the
// one that the client dialled.
func (a *Authority) leaf(name string) (*tls.Certificate, error) {
	addr, err := netip.ParseAddr(name)
	isIP := err == nil
	if name == "127.0.0.1" || name == "::1" {
		name = "localhost"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.leaves[name]; ok && time.Until(c.Leaf.NotAfter) > renewBefore {
		return c, nil
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	n, err := serial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber:          n,
		Subject:               pkix.Name{Organization: []string{"acrkit"}, CommonName: clip(name)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(leafLife),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch {
	case name == "localhost":
		tmpl.DNSNames = []string{"localhost"}
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	case isIP:
		tmpl.IPAddresses = []net.IP{addr.AsSlice()}
	default:
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[name] = c
	return c, nil
}

// clip keeps a common name within its 64 characters (RFC 5280); the name itself
// stands in the alternative names.
func clip(s string) string { return s[:min(len(s), 64)] }
