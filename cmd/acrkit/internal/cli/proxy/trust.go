package proxy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
)

// trustPassword protects nothing: a truststore holds no secret, and Java wants a
// password for it. It is the one Java's own has.
const trustPassword = "changeit"

// bundleLimit bounds a file of certificates; the system's has 200 KiB.
//
//rule:command-limits-bundle-limit
var bundleLimit = limit.Limit{Name: "a file of certificates", Bytes: 8 << 20}

func join(parts ...[]byte) []byte { return bytes.Join(parts, []byte("\n")) }

// systemBundles are where Linux distributions and BSDs keep the system's
// certificates in one file. Elsewhere programs ask the system, and the variables
// add to nothing.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Alpine
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/ssl/cert.pem",                                 // Alpine, BSDs, macOS
}

// roots returns the certificates that the command would trust without acrkit: those of
// the variables that acrkit replaces, else the system's.
func (opts *Options) roots() ([]byte, error) {
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		if file, _ := opts.LookupEnv(name); file != "" {
			return readBundle(file)
		}
	}
	for _, file := range systemBundles {
		data, err := readBundle(file)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, nil
}

func readBundle(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var data []byte
		if data, err = bundleLimit.ReadAll(f); err == nil {
			return data, nil
		}
	}
	return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "carry over the trusted certificates", Errs: []error{err}}
}

// truststore is a file of trusted certificates for Java. A certificate that
// cannot be read here could not be read by Java either.
func truststore(bundle []byte) ([]byte, error) {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			certs = append(certs, c)
		}
	}
	return pkcs12.Modern.EncodeTrustStore(certs, trustPassword)
}
