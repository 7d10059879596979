package seed

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// maxClaim bounds issuer, subject and audience. Documented: 600 characters.
const maxClaim = 600

func (a *Application) checkKeys(p *problems, path string) {
	for i, c := range a.Certificates {
		if err := c.check(); err != nil {
			p.add(fmt.Sprintf("%s.certificates[%d].pem", path, i), "%s", err)
		}
	}
	for i, f := range a.FederatedCredentials {
		path := fmt.Sprintf("%s.federatedCredentials[%d]", path, i)
		for _, x := range []struct{ key, value string }{{"issuer", f.Issuer}, {"subject", f.Subject}} {
			if x.value == "" {
				p.add(path, "has no %s", x.key)
			}
			checkText(p, path+"."+x.key, x.value, maxClaim)
		}
		checkText(p, path+".audience", f.Audience, maxClaim)
		if err := f.check(); err != nil {
			p.add(path+".publicKey", "%s", err)
		}
	}
}

// onePEM returns the one block of a text. Errors quote nothing of it: a private key
// that a user pastes by mistake must not get into a log.
func onePEM(text, kind string) ([]byte, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != kind || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("is not one PEM block %s", kind)
	}
	return block.Bytes, nil
}

func (c Certificate) check() error {
	der, err := onePEM(c.PEM, "CERTIFICATE")
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("is not a certificate")
	}
	if _, ok := cert.PublicKey.(*rsa.PublicKey); !ok {
		return fmt.Errorf("has no RSA key")
	}
	return nil
}

func (f FederatedCredential) check() error {
	der, err := onePEM(f.PublicKey, "PUBLIC KEY")
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if _, ok := key.(*rsa.PublicKey); err != nil || !ok {
		return fmt.Errorf("is not an RSA public key")
	}
	return nil
}
