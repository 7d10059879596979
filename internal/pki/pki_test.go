package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/pki"
)

const keyFile = "ca-key.pem"

func hello(name string) *tls.ClientHelloInfo { return &tls.ClientHelloInfo{ServerName: name} }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string, names ...string) *pki.Authority {
	t.Helper()
	a, err := pki.Open(dir, names)
	must(t, err)
	return a
}

func always(string) bool { return true }

// verify is what a client does that trusts the root alone.
func verify(a *pki.Authority, name string, chain ...[]byte) error {
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	if pool.AppendCertsFromPEM(a.PEM()); !pool.Equal(a.Pool()) {
		return errors.New("Pool and PEM differ")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	for _, der := range chain[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		between.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, DNSName: name})
	return err
}

// stolen is what a thief has who read the folder's files.
type stolen struct {
	key         *ecdsa.PrivateKey
	keys        int // how many there are
	certificate *x509.Certificate
	others      [][]byte // the rest of the chain
}

func steal(t *testing.T, dir string) (s stolen) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, keyFile))
	must(t, err)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			must(t, err)
			s.key = key.(*ecdsa.PrivateKey)
			s.keys++
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			must(t, err)
			if s.certificate == nil {
				s.certificate = c
			} else {
				s.others = append(s.others, block.Bytes)
			}
		}
	}
	return s
}

// forge makes a certificate with the stolen key.
func (s stolen) forge(t *testing.T, tmpl x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = big.NewInt(7), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if !tmpl.IsCA {
		tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	der, err = x509.CreateCertificate(rand.Reader, &tmpl, s.certificate, key.Public(), s.key)
	must(t, err)
	return der, key
}

func TestOnceForAFolder(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, "registry.test", "192.0.2.1")
	if !a.Made() || a.Replaced() != "" {
		t.Errorf("made: %t; replaced what was not there: %s", a.Made(), a.Replaced())
	}
	cert := filepath.Join(dir, pki.CertFile)
	// The certificate is a copy: it is made again after any damage.
	for name, damage := range map[string]func() error{
		"nothing": func() error { return nil },
		"gone":    func() error { return os.Remove(cert) },
		"another": func() error { return os.WriteFile(cert, open(t, "").PEM(), 0o600) },
		"empty":   func() error { return os.Truncate(cert, 0) },
		"large":   func() error { return os.Truncate(cert, 2<<20) },
		"mode":    func() error { return os.Chmod(cert, 0o666) },
		"link": func() error {
			elsewhere := filepath.Join(t.TempDir(), "ca.pem")
			return errors.Join(os.Rename(cert, elsewhere), os.Symlink(elsewhere, cert))
		},
	} {
		must(t, damage())
		b := open(
			t,
			dir,
			"192.0.2.1",
			"Registry.test.",
			"registry.test",
			"a.localhost",
			"127.0.0.1",
			"127.0.0.9",
			"::1",
		) // the same names
		if !bytes.Equal(a.PEM(), b.PEM()) || b.Made() || b.Replaced() != "" {
			t.Errorf("%s: another authority: %s", name, b.Replaced())
		}
		data, err := os.ReadFile(cert)
		if err != nil || !bytes.Equal(data, a.PEM()) {
			t.Errorf("%s: %v, %s", name, err, data)
		}
		for file, mode := range map[string]os.FileMode{pki.CertFile: 0o644, keyFile: 0o600} {
			info, err := os.Lstat(filepath.Join(dir, file))
			must(t, err)
			if info.Mode() != mode {
				t.Errorf("%s: %s has mode %v", name, file, info.Mode())
			}
		}
	}
}

func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	was := open(t, dir)
	for _, step := range []struct {
		names []string
		why   string
	}{
		{[]string{"registry.test"}, "the old one is for other names (localhost), this one for localhost, registry.test"},
		{[]string{"registry.test"}, ""},
		{[]string{"registry.test", "2001:db8::1"},
			"(localhost, registry.test), this one for localhost, registry.test, 2001:db8::1"},
		{[]string{"other.test", "2001:db8::1"}, "other names"},
		{nil, "(localhost, other.test, 2001:db8::1), this one for localhost"},
		{nil, ""},
	} {
		a := open(t, dir, step.names...)
		if !strings.Contains(a.Replaced(), step.why) || (step.why == "") != (a.Replaced() == "") ||
			bytes.Equal(was.PEM(), a.PEM()) != (step.why == "") {
			t.Errorf("%v: replaced because %q", step.names, a.Replaced())
		}
		was = a
	}
}

// TestEarlierVersion: an authority without limits is not used again, and its key is
// not left in the folder.
func TestEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now(),
		NotAfter:              time.Now().AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	must(t, err)
	must(
		t,
		os.WriteFile(
			filepath.Join(dir, pki.CertFile),
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			0o644,
		),
	)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	old := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	must(t, os.WriteFile(filepath.Join(dir, keyFile), old, 0o600))
	a := open(t, dir)
	if !strings.Contains(a.Replaced(), "an earlier version") {
		t.Errorf("replaced because %q", a.Replaced())
	}
	now, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil || bytes.Contains(now, old) {
		t.Errorf("the old key is still there: %v", err)
	}
	if onDisk, err := os.ReadFile(filepath.Join(dir, pki.CertFile)); err != nil || !bytes.Equal(onDisk, a.PEM()) {
		t.Errorf("ca.pem: %v", err)
	}
	if again := open(t, dir); again.Replaced() != "" {
		t.Errorf("said twice: %s", again.Replaced())
	}
}

// TestLife: an authority lives a year and is replaced at a start when it has less
// than the life of a certificate; no certificate outlives it.
func TestLife(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := open(t, dir)
		made := time.Now()
		time.Sleep(275 * day)
		a := open(t, dir)
		if a.Replaced() != "" || !bytes.Equal(a.PEM(), first.PEM()) {
			t.Errorf("replaced with 90 days before it: %s", a.Replaced())
		}
		get := a.TLSConfig(always).GetCertificate
		c, err := get(hello("localhost"))
		must(t, err)
		if got := time.Until(c.Leaf.NotAfter); got != 90*day {
			t.Errorf("the certificate lives %v", got)
		}
		time.Sleep(time.Second)
		b := open(t, dir)
		if !strings.Contains(b.Replaced(), "the old one ends on "+made.Add(365*day).Format(time.DateOnly)) {
			t.Errorf("not replaced with less than 90 days before it: %q", b.Replaced())
		}
		// A server that goes on uses what it has to the end, and no longer.
		time.Sleep(89 * day)
		last, err := get(hello("a.localhost"))
		must(t, err)
		if !last.Leaf.NotAfter.Equal(made.Add(365 * day)) {
			t.Errorf("the last certificate ends on %v", last.Leaf.NotAfter)
		}
		if again, err := get(hello("a.localhost")); err != nil || again != last {
			t.Errorf("issued anew for each client: %v", err)
		}
		if err := verify(a, "a.localhost", last.Certificate...); err != nil {
			t.Error(err)
		}
	})
	// A clock that was ahead.
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { open(t, dir) }) // in 2000
	if a := open(t, dir); !strings.Contains(a.Replaced(), "ends on 2000-12-31") {
		t.Errorf("%q", a.Replaced())
	}
	open(t, dir)
	synctest.Test(t, func(t *testing.T) {
		if a := open(t, dir); !strings.Contains(a.Replaced(), "begins on 20") {
			t.Errorf("%q", a.Replaced())
		}
	})
}

func TestDamaged(t *testing.T) {
	whole := t.TempDir()
	open(t, whole)
	good, err := os.ReadFile(filepath.Join(whole, keyFile))
	must(t, err)
	other := t.TempDir()
	open(t, other)
	others, err := os.ReadFile(filepath.Join(other, keyFile))
	must(t, err)
	blocks := func(data []byte) (parts [][]byte) {
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			parts = append(parts, pem.EncodeToMemory(block))
		}
		return parts
	}
	g, o := blocks(good), blocks(others)
	for name, data := range map[string][]byte{
		"empty":              {},
		"no_pem":             []byte("x"),
		"half":               good[:len(good)/2],
		"no_root":            slices.Concat(g[0], g[1]),
		"another_key":        slices.Concat(o[0], g[1], g[2]),
		"another_root":       slices.Concat(g[0], g[1], o[2]),
		"certificates_first": slices.Concat(g[1], g[2], g[0]),
		"more":               slices.Concat(good, g[2]),
		"large":              append(slices.Clone(good), make([]byte, 2<<20)...),
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, pki.CertFile), g[2], 0o600))
		must(t, os.WriteFile(filepath.Join(dir, keyFile), data, 0o600))
		if _, err := pki.Open(dir, nil); acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), keyFile) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// The key is gone, and people may trust the certificate.
	must(t, os.Remove(filepath.Join(whole, keyFile)))
	if _, err := pki.Open(whole, nil); acrkit.CodeOf(err) != acrkit.CodeUsage ||
		!strings.Contains(err.Error(), "its key is not") {
		t.Errorf("without a key: %v", err)
	}
	for _, name := range []string{"", "a b", "a/b", "*.example", "host:1", "-a", "a..b", strings.Repeat("a", 64),
		strings.Repeat("a.", 126) + "ab", "fe80::1%eth0"} {
		if _, err := pki.Open("", []string{name}); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{strings.Repeat("a", 63), strings.Repeat("a.", 126) + "a", "my_registry",
		"registry.example."} {
		if _, err := pki.Open("", []string{name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLeaves(t *testing.T) {
	long := strings.Repeat("a", 63) + ".test"
	a := open(t, "", long, "192.0.2.1")
	get := a.TLSConfig(func(name string) bool { return !strings.Contains(name, "evil") }).GetCertificate
	for _, name := range []string{"localhost", "LOCALHOST", "myregistry.azurecr.localhost", "myregistry.blob.localhost",
		"127.0.0.9", "192.0.2.1", long} {
		c, err := get(hello(name))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Certificate) != 2 {
			t.Errorf("%s: %d certificates are sent", name, len(c.Certificate))
		}
		if err := verify(a, strings.ToLower(name), c.Certificate...); err != nil {
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
	must(t, err)
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := verify(a, name, c.Certificate...); err != nil {
			t.Error(err)
		}
	}
	// No name that is not served, and, of those served, none that the authority is not for.
	for _, name := range []string{"evil.localhost", "example.com", "aaa.test", "192.0.2.2", "128.0.0.1", "::2",
		"localhost.example.com", "azurecr.io"} {
		if c, err := get(hello(name)); err == nil && c != nil {
			t.Errorf("a certificate for %s", name)
		}
	}
	for i := range 300 { // more than are kept
		if _, err := get(hello(fmt.Sprintf("r%d.azurecr.localhost", i))); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	client, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer client.Close()
	server := <-accepted
	defer server.Close()
	c, err = get(&tls.ClientHelloInfo{Conn: server})
	if err != nil || c.Leaf.VerifyHostname("127.0.0.1") != nil {
		t.Errorf("without a name: %v", err)
	}
}

// TestStolenKey: a thief of all files in the folder makes certificates for the
// authority's names and for no other that Go accepts. The tests in interop do the
// same with other clients.
func TestStolenKey(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, "registry.test", "192.0.2.1")
	s := steal(t, dir)
	if s.key == nil || len(s.others) != 1 || !s.key.PublicKey.Equal(s.certificate.PublicKey) {
		t.Fatalf("%+v", s)
	}
	for name, good := range map[string]bool{
		"localhost": true, "myregistry.azurecr.localhost": true, "registry.test": true, "127.0.0.1": true, "::1": true,
		"192.0.2.1":             true,
		"below.registry.test":   true, // what is below a name is its owner's
		"myregistry.azurecr.io": false, "test": false, "other.test": false, "xregistry.test": false,
		"localhost.evil.example": false,
		"192.0.2.2":              false, "10.0.0.1": false, "2001:db8::1": false,
	} {
		tmpl := x509.Certificate{DNSNames: []string{name}}
		if ip := net.ParseIP(name); ip != nil {
			tmpl = x509.Certificate{IPAddresses: []net.IP{ip}}
		}
		leaf, _ := s.forge(t, tmpl)
		if err := verify(a, name, leaf, s.certificate.Raw); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nor by an authority below.
	ca, caKey := s.forge(
		t,
		x509.Certificate{
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign,
			Subject:               pkix.Name{CommonName: "below"},
		},
	)
	below, err := x509.ParseCertificate(ca)
	must(t, err)
	leaf, _ := stolen{key: caKey, certificate: below}.forge(t, x509.Certificate{DNSNames: []string{"localhost"}})
	if err := verify(a, "localhost", leaf, ca, s.certificate.Raw); err == nil {
		t.Error("an authority below is taken")
	}
	// The one key there is belongs to the limited certificate, and the root has another.
	root, err := x509.ParseCertificate(s.others[0])
	if err != nil || s.keys != 1 || s.key.PublicKey.Equal(root.PublicKey) {
		t.Errorf("the folder has the root's key: %v, %d keys", err, s.keys)
	}
}

// TestConstraints: the limits are of both kinds, in a critical extension; without a
// given address, one of each family is there nevertheless.
func TestConstraints(t *testing.T) {
	for _, names := range [][]string{nil, {"registry.test", "192.0.2.1"}} {
		dir := t.TempDir()
		open(t, dir, names...)
		c := steal(t, dir).certificate
		families := map[int]int{}
		for _, r := range c.PermittedIPRanges {
			families[len(r.IP)]++
		}
		if len(c.PermittedDNSDomains) != 1+len(names)/2 || families[net.IPv4len] != 1+len(names)/2 ||
			families[net.IPv6len] != 1 {
			t.Errorf("%v: %v, %v", names, c.PermittedDNSDomains, c.PermittedIPRanges)
		}
		if !c.MaxPathLenZero || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) ||
			c.KeyUsage != x509.KeyUsageCertSign {
			t.Errorf("%v: path %d, uses %v, %v", names, c.MaxPathLen, c.KeyUsage, c.ExtKeyUsage)
		}
		i := slices.IndexFunc(
			c.Extensions,
			func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 30}) },
		)
		if i < 0 || !c.Extensions[i].Critical {
			t.Errorf("%v: the limits are not critical", names)
		}
	}
}
