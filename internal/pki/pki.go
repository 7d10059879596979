// Package pki is a certificate authority of one machine, for the names of its
// servers alone: made once for a folder, with server certificates issued for the name
// that a client asks for.
//
// The root is what people trust. Its key signs one certificate and is thrown away;
// that certificate, the intermediate, is limited to a set of names (RFC 5280
// §4.2.1.10), so that a thief of the key in the folder can impersonate no other
// host. The limits are in the intermediate because Java ignores those of a root.
package pki

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
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
	pair
	names    names
	made     bool
	replaced string

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// Made reports whether the authority is new, with this Open.
func (a *Authority) Made() bool { return a.made }

// Replaced says why the authority replaces another one, which clients may trust; ""
// if it does not.
func (a *Authority) Replaced() string { return a.replaced }

// Pool returns a new pool that holds the root certificate alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// PEM returns the root certificate.
func (a *Authority) PEM() []byte { return encode(a.root) }

// TLSConfig returns the server's side of TLS. Certificates are issued for names
// that serves accepts. The handshake refuses a client that asks for another name,
// which a stolen DNS name may have led here, with the alert "unrecognized name", and one
// that asks for a name outside the authority's. A client that names no host has connected
// to an address: it gets the certificate of that address, or of loopback where that is
// not served, because it may have connected to a forwarded port.
func (a *Authority) TLSConfig(serves func(host string) bool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // what the recorded service spoke
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
			if name == "" {
				//rule:authority-names-forwarded
				if name = localName(hello.Conn); !serves(name) {
					name = ownHost
				}
			}
			//rule:authority-names-served
			if !serves(name) {
				return nil, nil //nolint:nilnil // crypto/tls answers with the alert
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
	//rule:authority-names-leaf
	if !a.names.contain(name) {
		return nil, fmt.Errorf("the certificate authority is not for %q", name)
	}
	addr, err := netip.ParseAddr(name)
	isIP := err == nil
	if name == "127.0.0.1" || name == "::1" {
		name = "localhost"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	ends := now.Add(leafLife)
	//rule:authority-life-leaf
	if ends.After(a.intermediate.NotAfter) {
		ends = a.intermediate.NotAfter
	}
	if c, ok := a.leaves[name]; ok &&
		(c.Leaf.NotAfter.Sub(now) > renewBefore || c.Leaf.NotAfter.Equal(a.intermediate.NotAfter)) {
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
	tmpl := &x509.Certificate{
		SerialNumber: n,
		Subject: pkix.Name{
			Organization: []string{"acrkit"},
		}, // an address as its common name, OpenSSL would compare with the names of hosts
		NotBefore:             now.Add(-backdate),
		NotAfter:              ends,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch {
	case name == "localhost":
		tmpl.DNSNames = []string{"localhost"}
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	case isIP:
		tmpl.IPAddresses = []net.IP{addr.Unmap().AsSlice()}
	default:
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.intermediate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.intermediate.Raw}, PrivateKey: key, Leaf: leaf}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[name] = c
	return c, nil
}
