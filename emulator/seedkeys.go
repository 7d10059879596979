package emulator

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/acrkit/acrkit/emulator/internal/identity"
)

// defaultAudience is what Entra documents for assertions of other issuers.
const defaultAudience = "api://AzureADTokenExchange"

// maxAssertionText bounds issuer, subject and audience. Documented: 600 characters.
const maxAssertionText = 600

func (a *SeedApplication) checkKeys(p *seedProblems, path string) {
	for i, c := range a.Certificates {
		if _, err := c.der(); err != nil {
			p.add(fmt.Sprintf("%s.certificates[%d].pem", path, i), "%s", err)
		}
	}
	for i, f := range a.FederatedCredentials {
		path := fmt.Sprintf("%s.federatedCredentials[%d]", path, i)
		for _, x := range []struct{ key, value string }{{"issuer", f.Issuer}, {"subject", f.Subject}} {
			if x.value == "" {
				p.add(path, "has no %s", x.key)
			}
			checkText(p, path+"."+x.key, x.value, maxAssertionText)
		}
		checkText(p, path+".audience", f.Audience, maxAssertionText)
		if _, err := f.der(); err != nil {
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

func (c SeedCertificate) der() ([]byte, error) {
	der, err := onePEM(c.PEM, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("is not a certificate")
	}
	if _, ok := cert.PublicKey.(*rsa.PublicKey); !ok {
		return nil, fmt.Errorf("has no RSA key")
	}
	return der, nil
}

func (f SeedFederatedCredential) der() ([]byte, error) {
	der, err := onePEM(f.PublicKey, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if _, ok := key.(*rsa.PublicKey); err != nil || !ok {
		return nil, fmt.Errorf("is not an RSA public key")
	}
	return der, nil
}

// keysOf puts the keys of a checked seed into the stored form.
func keysOf(out *identity.Application, a SeedApplication) {
	for _, c := range a.Certificates {
		if der, err := c.der(); err == nil {
			out.Certificates = append(out.Certificates, der)
		}
	}
	for _, f := range a.FederatedCredentials {
		if der, err := f.der(); err == nil {
			out.Federated = append(out.Federated, identity.Federated{Issuer: f.Issuer, Subject: f.Subject, Audience: cmp.Or(f.Audience, defaultAudience), PublicKey: der})
		}
	}
}

// compareKeys says how an application's keys differ from the seed's, or "".
func compareKeys(have *identity.Application, a SeedApplication) string {
	want := &identity.Application{}
	keysOf(want, a)
	switch {
	case !slices.EqualFunc(have.Certificates, want.Certificates, bytes.Equal):
		return "has other certificates"
	case !slices.EqualFunc(have.Federated, want.Federated, func(x, y identity.Federated) bool {
		return x.Issuer == y.Issuer && x.Subject == y.Subject && x.Audience == y.Audience && bytes.Equal(x.PublicKey, y.PublicKey)
	}):
		return "has other federatedCredentials"
	}
	return ""
}
