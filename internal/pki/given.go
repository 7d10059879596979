package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/acrkit/acrkit"
)

// Given is an authority for the names of [Open], below a certificate authority of the
// user's: its certificate and key are PEM. It signs an intermediate that is limited to the
// names, or, where it may have none below it (a path length of 0), the certificates of
// servers itself. Nothing is written.
//
// Errors: [acrkit.CodeUsage] for a certificate that is no authority's or is not valid
// now, for a key that is not its own, and for what is no name of a host.
func Given(certificate, key []byte, names []string) (*Authority, error) {
	want, err := newNames(names)
	if err != nil {
		return nil, err
	}
	p, err := givenPair(certificate, key, want)
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use the given certificate authority", Errs: []error{err}}
	}
	return &Authority{pair: p, names: want, leaves: map[string]*tls.Certificate{}}, nil
}

func givenPair(certificate, key []byte, limits names) (pair, error) {
	both, err := tls.X509KeyPair(certificate, key) // checks that they belong together
	if err != nil {
		return pair{}, errors.New("there is no certificate with its key, as PEM")
	}
	root := both.Leaf
	signer, ok := both.PrivateKey.(crypto.Signer)
	if !ok {
		return pair{}, errors.New("the key does not sign")
	}
	now := time.Now()
	switch {
	//rule:given-authority-is-ca
	case !root.BasicConstraintsValid || !root.IsCA:
		return pair{}, errors.New("the certificate is not a certificate authority's")
	//rule:given-authority-usage
	case root.KeyUsage != 0 && root.KeyUsage&x509.KeyUsageCertSign == 0:
		return pair{}, errors.New("the certificate may sign no other (its key usage lacks keyCertSign)")
	//rule:given-authority-ends
	case now.After(root.NotAfter):
		return pair{}, errors.New("the certificate ended on " + root.NotAfter.Format(time.DateOnly))
	//rule:given-authority-begins
	case now.Before(root.NotBefore):
		return pair{}, errors.New("the certificate begins on " + root.NotBefore.Format(time.DateOnly))
	case root.MaxPathLenZero:
		return pair{signer, root, root}, nil
	}
	return newIntermediate(root, signer, limits)
}
