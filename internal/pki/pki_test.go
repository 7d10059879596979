package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/pki"
)

func hello(name string) *tls.ClientHelloInfo { return &tls.ClientHelloInfo{ServerName: name} }

func TestOnceForAFolder(t *testing.T) {
	dir := t.TempDir()
	a, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	// A crash between the two files: the certificate is made again for the key.
	if err := os.Remove(filepath.Join(dir, pki.CertFile)); err != nil {
		t.Fatal(err)
	}
	b, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if string(b.PEM()) != string(c.PEM()) || string(a.PEM()) == string(b.PEM()) {
		t.Error("the folder's certificate is not the one that is used")
	}
	for name, mode := range map[string]os.FileMode{pki.CertFile: 0o644, "ca-key.pem": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestDamaged(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no_key":     {pki.CertFile: "x"},
		"bad_key":    {"ca-key.pem": "x"},
		"bad_cert":   {"ca-key.pem": "", pki.CertFile: "x"},
		"large_cert": {pki.CertFile: strings.Repeat("x", 2<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := pki.Open(dir); err != nil {
				t.Fatal(err)
			}
			if name == "no_key" {
				if err := os.Remove(filepath.Join(dir, "ca-key.pem")); err != nil {
					t.Fatal(err)
				}
			}
			for file, text := range files {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := pki.Open(dir)
			if acrkit.CodeOf(err) != acrkit.CodeUsage {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLeaves(t *testing.T) {
	a, err := pki.Open("")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("no root")
	}
	get := a.TLSConfig(func(name string) bool { return !strings.Contains(name, "evil") }).GetCertificate
	for _, name := range []string{"localhost", "LOCALHOST", "myregistry.azurecr.localhost", "127.0.0.9", strings.Repeat("a", 63) + ".test"} {
		c, err := get(hello(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: strings.ToLower(name)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		again, err := get(hello(name))
		if err != nil || again != c {
			t.Errorf("%s: issued twice", name)
		}
	}
	// One certificate for this machine's usual names: a forwarded port hides
	// which of them the client dialled.
	c, err := get(hello(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := c.Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := get(hello("evil.example")); err == nil {
		t.Error("a certificate for evil.example")
	}
	for i := range 300 { // more than are kept
		if _, err := get(hello(fmt.Sprintf("r%d.azurecr.localhost", i))); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server := <-accepted
	defer server.Close()
	c, err = get(&tls.ClientHelloInfo{Conn: server})
	if err != nil || c.Leaf.VerifyHostname("127.0.0.1") != nil {
		t.Errorf("without a name: %v", err)
	}
}
