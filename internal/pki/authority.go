package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
)

const (
	// CertFile is the root certificate's name in the data folder.
	CertFile = "ca.pem"
	// keyFile has the intermediate's key, its certificate and the root: all of an
	// authority in one file, which is written whole. CertFile is a copy of the root.
	keyFile = "ca-key.pem"

	// authorityLife is how long an authority lives: its users must trust a new one
	// once a year, and a stolen key is useless after that.
	//rule:authority-life-authority-life
	authorityLife = 365 * 24 * time.Hour
	// minLife is the remaining life that an authority needs at a start: that of the
	// certificates that it issues. One with less is replaced.
	minLife = leafLife
)

// pair is an authority's certificates and the key that signs.
type pair struct {
	key                crypto.Signer // of the intermediate
	intermediate, root *x509.Certificate
}

// Open reads the authority of a data folder, or makes it. With "" it is made in
// memory. The certificate is readable by all, the key by its owner alone.
//
// The authority certifies this machine, which is localhost with all names below it
// and the loopback addresses, and what is given: host names, with all names below
// them, and addresses. One that is for other names is replaced, and so is one that
// ends within 90 days or is of an acrkit that set no limits; [Authority.Replaced]
// says why.
//
// Certificates follow the machine's clock, not an emulated one: clients check
// them by theirs.
//
// Errors: [acrkit.CodeUsage] for files that are damaged or that others may read,
// and for what is no name of a host.
func Open(dir string, names []string) (*Authority, error) {
	want, err := newNames(names)
	if err != nil {
		return nil, err
	}
	a := &Authority{names: want, leaves: map[string]*tls.Certificate{}}
	if dir == "" {
		a.pair, err = newPair(want)
		return a, err
	}
	keyPath, certPath := filepath.Join(dir, keyFile), filepath.Join(dir, CertFile)
	//rule:authority-key-open
	data, haveKey, err := private.ReadSecret(keyPath)
	if _, said := errors.AsType[*acrkit.Error](err); said {
		return nil, err
	}
	if err != nil {
		return nil, unreadable(keyPath, err)
	}
	if !haveKey {
		if _, err := os.Lstat(certPath); err == nil {
			return nil, unreadable(keyPath, errors.New("the certificate is there, its key is not"))
		}
	} else {
		if a.pair, err = parsePair(data); err != nil {
			return nil, unreadable(keyPath, err)
		}
		if a.replaced = a.why(want, time.Now()); a.replaced == "" {
			return a, a.writeCert(certPath)
		}
	}
	a.made = true
	if a.pair, err = newPair(want); err != nil {
		return nil, err
	}
	if data, err = a.encode(); err != nil {
		return nil, err
	}
	//rule:authority-key-open-2
	if err := private.WriteFile(keyPath, data, 0o600); err != nil {
		return nil, err
	}
	return a, a.writeCert(certPath)
}

func unreadable(path string, err error) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read " + path, Errs: []error{err},
		Hint: sentence.Fix(sentence.RemoveAuthority, map[string]string{"certificate": CertFile, "key": keyFile})}
}

// why says why an authority cannot go on; "" if it can.
func (p pair) why(want names, now time.Time) string {
	switch {
	//rule:authority-names-why
	case p.root == nil:
		return "an earlier version of acrkit made the old one, which vouches for every host"
	//rule:authority-names-why-2
	case !namesIn(p.intermediate).equal(want):
		return fmt.Sprintf("the old one is for other names (%s), this one for %s", namesIn(p.intermediate), want)
	//rule:authority-life-why
	case p.root.NotAfter.Sub(now) < minLife:
		return "the old one ends on " + p.root.NotAfter.Format(time.DateOnly)
	case p.root.NotBefore.After(now):
		return "the old one begins on " + p.root.NotBefore.Format(time.DateOnly)
	}
	return ""
}

// writeCert writes the root into the file that people trust, unless it is there
// and no other user may write the file. It is a copy, so any other content of the
// file is replaced.
func (p pair) writeCert(path string) error {
	const mode = 0o644
	have, ok, err := private.ReadFile(path)
	//rule:authority-key-write-cert-2
	if err == nil && ok && bytes.Equal(have, encode(p.root)) {
		//rule:authority-key-write-cert
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o022 == 0 {
			return nil
		}
	}
	return private.WriteFile(path, encode(p.root), mode)
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) }

// newPair makes an authority. The root's key is discarded at the end of the call.
func newPair(limits names) (pair, error) {
	rootKey, err := newKey()
	if err != nil {
		return pair{}, err
	}
	n, err := serial()
	if err != nil {
		return pair{}, err
	}
	// The serial distinguishes the roots of two folders in a trust store.
	root := template(n, "acrkit local CA "+hex.EncodeToString(n.Bytes())[:8])
	root.MaxPathLen = 1
	if root, err = sign(root, root, rootKey, rootKey); err != nil {
		return pair{}, err
	}
	return newIntermediate(root, rootKey, limits)
}

// newIntermediate makes the authority below a root that is limited to names.
func newIntermediate(root *x509.Certificate, rootKey crypto.Signer, limits names) (pair, error) {
	key, err := newKey()
	if err != nil {
		return pair{}, err
	}
	n, err := serial()
	if err != nil {
		return pair{}, err
	}
	intermediate := template(n, root.Subject.CommonName+" limited")
	if intermediate.NotAfter.After(root.NotAfter) {
		intermediate.NotAfter = root.NotAfter
	}
	//rule:authority-names-new-pair-2
	intermediate.MaxPathLenZero = true
	//rule:authority-names-new-pair-3
	intermediate.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} // for nothing but servers
	//rule:authority-names-new-pair
	limits.constrain(intermediate)
	//rule:authority-names-new-pair-4
	if intermediate, err = sign(intermediate, root, key, rootKey); err != nil {
		return pair{}, err
	}
	return pair{key, intermediate, root}, nil
}

// template is an authority's certificate before it is signed.
func template(n *big.Int, name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber:          n,
		Subject:               pkix.Name{Organization: []string{"acrkit (development only)"}, CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
}

func sign(tmpl, parent *x509.Certificate, key, parentKey crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), parentKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// encode is what keyFile holds.
func (p pair) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return nil, err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return bytes.Join([][]byte{key, encode(p.intermediate), encode(p.root)}, nil), nil
}

// parsePair reads what encode wrote. A key without certificates is that of an
// earlier version: the pair then has no root.
func parsePair(data []byte) (p pair, err error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return p, errors.New("holds no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return p, errors.New("holds no private key")
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return p, errors.New("holds a key of another kind")
	}
	p.key = own
	if len(bytes.TrimSpace(rest)) == 0 {
		return p, nil
	}
	for _, c := range []**x509.Certificate{&p.intermediate, &p.root} {
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return p, errors.New("holds no certificate behind the key")
		}
		if *c, err = x509.ParseCertificate(block.Bytes); err != nil {
			return p, err
		}
	}
	switch {
	case len(bytes.TrimSpace(rest)) > 0:
		return p, errors.New("holds more than a key and two certificates")
	case !own.PublicKey.Equal(p.intermediate.PublicKey):
		return p, errors.New("the certificate does not belong to the key")
	case p.intermediate.CheckSignatureFrom(p.root) != nil || p.root.CheckSignatureFrom(p.root) != nil:
		return p, errors.New("the certificates do not belong together")
	}
	return p, nil
}
