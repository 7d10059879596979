package azureauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// A certificate in use is read again, and made anew only when it changed: azidentity
// keeps its tokens with it.
func TestCertificate_load(t *testing.T) {
	t.Parallel()
	c := &certificate{tenant: "t", client: "c", file: filepath.Join(t.TempDir(), "client.pem")}
	write := func() { writeCertificate(t, c.file) }
	write()
	first, leaves, err := c.load()
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := c.load(); err != nil || again != first {
		t.Errorf("the same file made another credential: %v", err)
	}
	write()
	if second, others, err := c.load(); err != nil || second == first || others == leaves {
		t.Errorf("another file made the same credential: %s, %v", others, err)
	}
}

// writeCertificate writes a new certificate with its key.
func writeCertificate(t *testing.T, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// azidentity would go past a proxy that the environment means to name: nothing is sent.
func TestCertificate_malformedProxy(t *testing.T) {
	c := &certificate{tenant: "t", client: "c", file: filepath.Join(t.TempDir(), "client.pem")}
	writeCertificate(t, c.file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a request that is sent nevertheless ends at once
	t.Setenv("HTTPS_PROXY", "http://user:p%ss-canary@proxy.example:8080")
	_, _, err := c.EntraToken(ctx, "https://containerregistry.azure.net/.default")
	if acrkit.CauseOf(err) != cause.ProxyMalformed || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

// A byte order mark is named in a certificate file and in its password.
func TestCertificate_byteOrderMark(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.pem")
	writeCertificate(t, file)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, password, want string }{
		{"\ufeff" + string(good), "", "it begins with a byte order mark"},
		{"\xff\xfe-\x00", "", "it is UTF-16 text"},
		{string(good), "\ufeffpassword", "its password begins with a byte order mark"},
	} {
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"ACR_NAME": "myregistry", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c",
			"AZURE_CLIENT_CERTIFICATE_PATH": file, "AZURE_CLIENT_CERTIFICATE_PASSWORD": tt.password}
		_, err := FromEnvironment(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.password != "" &&
			acrkit.CauseOf(err) != cause.PasswordByteOrderMark {
			t.Errorf("%q: %v", tt.want, err)
		}
	}
}
