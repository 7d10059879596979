package azureauth

import (
	"os"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
)

// FuzzParseCertificates holds that a file gives a certificate with its own RSA key or
// an error of ours, which quotes nothing of the file and not the password.
func FuzzParseCertificates(f *testing.F) {
	for _, name := range []string{"testdata/legacy.pfx", "testdata/modern.pfx"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "pfx-password-never-to-be-told")
	}
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "")
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
		"")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		certs, key, err := parseCertificates(data, redact.NewSecret(password))
		if err != nil {
			if acrkit.CodeOf(err) != acrkit.CodeUsage || certs != nil || key != nil {
				t.Fatalf("%v, %v", certs, err)
			}
			if len(password) > 20 && strings.Contains(err.Error(), password) || len(data) > 40 &&
				strings.Contains(err.Error(), string(data)) {
				t.Fatalf("the error quotes its input: %v", err)
			}
			return
		}
		if strings.Contains(describe(certs, key), "no certificate") {
			t.Fatal("a key without its certificate")
		}
	})
}
