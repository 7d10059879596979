package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// servedNames are what the certificate authority of the emulator in TestAuthority is
// for; foreignNames are what it is not for.
var (
	servedNames = []string{
		"localhost",
		"interop.azurecr.localhost",
		"interop.blob.localhost",
		"registry.test",
		"127.0.0.1",
		"127.0.0.9",
		"::1",
		"192.0.2.1",
	}

	foreignNames = []string{
		"interop.azurecr.io",
		"registry.example",
		"xregistry.test",
		"10.0.0.1",
		"192.0.2.2",
		"2001:db8::1",
	}
)

// tlsClient is a program, or a runtime, that verifies certificates in its own way.
type tlsClient struct {
	name    string
	needs   string // the Debian package that has it
	version []string
	// command connects to each port under its name, and prints "NAME accepted" or
	// "NAME refused: why".
	command func(s *session, at []place) []string
}

// place is a server on a port of this machine, under a name.
type place struct{ name, port string }

// hostPort is the name in the form that URLs have, with the port.
func (p place) hostPort() string { return net.JoinHostPort(p.name, p.port) }

func flat(at []place) (args []string) {
	for _, p := range at {
		args = append(args, p.name, p.port)
	}
	return args
}

func probe(name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", "authority", name))
	if err != nil {
		panic(err)
	}
	return path
}

var tlsClients = []tlsClient{
	{"curl", "curl", []string{"curl", "--version"}, func(s *session, at []place) []string {
		script := `ca=$1; shift; while [ $# -gt 0 ]; do name=$1 at=$2; shift 2
said=$(curl -sS -o /dev/null --cacert "$ca" --connect-to "::127.0.0.1:${at##*:}" "https://$at/" 2>&1) &&
echo "$name accepted" || echo "$name refused: $said"; done`
		args := []string{"sh", "-c", script, "sh", s.ca}
		for _, p := range at {
			args = append(args, p.name, p.hostPort())
		}
		return args
	}},
	{"python", "python3", []string{"python3", "--version"}, func(s *session, at []place) []string {
		return append([]string{"python3", probe("probe.py"), s.ca}, flat(at)...)
	}},
	{"node", "nodejs", []string{"node", "--version"}, func(s *session, at []place) []string {
		return append([]string{"env", "NODE_EXTRA_CA_CERTS=" + s.ca, "node", probe("probe.js"), s.ca}, flat(at)...)
	}},
	{"java", "default-jdk-headless", []string{"java", "--version"}, func(s *session, at []place) []string {
		script := `[ -e trust.p12 ] || keytool -importcert -noprompt -alias acrkit -file "$1" \
	-keystore trust.p12 -storetype PKCS12 -storepass changeit >&2 || exit
program=$2; shift 2
exec java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStoreType=PKCS12 \
	-Djavax.net.ssl.trustStorePassword=changeit "$program" ca "$@"`
		return append([]string{"sh", "-c", script, "sh", s.ca, probe("Probe.java")}, flat(at)...)
	}},
}

// verdicts runs a client and returns what it said of each name.
func (c tlsClient) verdicts(s *session, at []place) map[string]string {
	s.t.Helper()
	out, err := s.run("", c.command(s, at)...)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	said := map[string]string{}
	for line := range strings.Lines(out) {
		if name, verdict, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			said[name] = verdict
		}
	}
	return said
}

// TestAuthority: clients that trust ca.pem accept the emulator's certificates, and
// none that a thief of the key in the data folder makes for another host.
func TestAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	e, err := startEmulator(dir, seed, nil, "--hostname", "registry.test", "--hostname",
		"192.0.2.1", "--blob-redirects")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	_, port, err := net.SplitHostPort(e.host)
	if err != nil {
		t.Fatal(err)
	}
	thief := newThief(t, dir)
	var served, forged, foreign, onlyCommonName []place
	for _, name := range servedNames {
		if ip := net.ParseIP(name); ip == nil || name == "127.0.0.1" { // the address that the client has really dialled
			served = append(served, place{name, port})
		}
		forged = append(forged, thief.serve(name, true))
	}
	for _, name := range foreignNames {
		foreign = append(foreign, thief.serve(name, true))
		if net.ParseIP(name) == nil {
			onlyCommonName = append(onlyCommonName, thief.serve(name, false))
		}
	}
	for _, c := range tlsClients {
		t.Run(c.name, func(t *testing.T) {
			t.Logf("%s %s", c.name, need(t, c.version[0], "apt-get install "+c.needs, c.version))
			s := newSession(t, e)
			for what, at := range map[string][]place{"the emulator": served, "the stolen key": forged} {
				said := c.verdicts(s, at)
				for _, p := range at {
					if said[p.name] != "accepted" {
						t.Errorf("%s at %s: %q", what, p.name, said[p.name])
					}
				}
			}
			for what, at := range map[string][]place{"a foreign name": foreign,
				"a foreign common name": onlyCommonName} {
				said := c.verdicts(s, at)
				for _, p := range at {
					if !strings.HasPrefix(said[p.name], "refused: ") {
						t.Errorf("%s, %s: %q", what, p.name, said[p.name])
					}
					t.Logf("%s, %s: %s", what, p.name, said[p.name])
				}
			}
		})
	}
}

// thief has the files of a data folder, and serves under any name.
type thief struct {
	t           *testing.T
	key         any
	certificate *x509.Certificate
}

func newThief(t *testing.T, dir string) thief {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, rest := pem.Decode(data)
	certPEM, _ := pem.Decode(rest)
	if keyPEM == nil || certPEM == nil {
		t.Fatal("ca-key.pem has no key and certificate")
	}
	key, err := x509.ParsePKCS8PrivateKey(keyPEM.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(certPEM.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return thief{t, key, certificate}
}

// serve answers on a port of its own with a certificate for the name, as an
// alternative name or as the common name of old.
func (s thief) serve(name string, alternative bool) place {
	s.t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		s.t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: n, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true}
	switch ip := net.ParseIP(name); {
	case !alternative:
		tmpl.Subject = pkix.Name{CommonName: name}
	case ip != nil:
		tmpl.IPAddresses = []net.IP{ip}
	default:
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, s.certificate, own.Public(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }),
	)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse
	srv.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der, s.certificate.Raw}, PrivateKey: own}},
	}
	srv.StartTLS()
	s.t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	return place{name, port}
}

// TestAuthority_other_names: the emulator says once that its authority is a new one.
func TestAuthority_other_names(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var was []byte
	for _, step := range []struct {
		flags []string
		said  int
	}{{nil, 0}, {[]string{"--hostname", "registry.test"}, 1}, {[]string{"--hostname", "registry.test"}, 0}} {
		e, err := startEmulator(dir, "", nil, step.flags...)
		if err != nil {
			t.Fatal(err)
		}
		e.stop()
		if n := strings.Count(e.tail(1<<20), "trust the old ca.pem trust the new one"); n != step.said {
			t.Errorf("%v: said %d times:\n%s", step.flags, n, e.tail(4000))
		}
		ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		if was != nil && bytes.Equal(was, ca) != (step.said == 0) {
			t.Errorf("%v: another authority: %t", step.flags, !bytes.Equal(was, ca))
		}
		was = ca
	}
}
