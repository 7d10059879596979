package azureauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A certificate in use is read again, and made anew only when it changed: azidentity
// keeps its tokens with it.
func TestCertificate_load(t *testing.T) {
	t.Parallel()
	c := &certificate{tenant: "t", client: "c", file: filepath.Join(t.TempDir(), "client.pem")}
	write := func() {
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
		if err := os.WriteFile(c.file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
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
