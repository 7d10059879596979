package azureauth

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a thumbprint for people, as Entra shows it
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// certificateFile bounds a certificate file: chain and key have a few kilobytes.
var certificateFile = limit.Limit{Name: "a certificate file", Bytes: 256 << 10}

// Certificate is a service principal that signs in by a certificate: a file with
// the certificate and its unencrypted RSA key (PEM), or both in a PFX file
// (PKCS #12) with or without a password. The file is read again for each request
// to Entra, so that a renewed certificate is used without a restart.
//
// [azidentity.NewClientCertificateCredential] with [Credential] does the same for a
// certificate that the program holds itself.
//
// opts may be nil. If opts.Cloud names no authority, it is AZURE_AUTHORITY_HOST or else
// that of the registry's cloud; a registry on loopback belongs to no cloud. For an
// authority that is not one of Microsoft's public, US and China clouds, instance
// discovery is off. SendCertificateChain is for applications that trust the
// certificate's subject and issuer.
//
// A missing file is an error with [acrkit.CodeCredentialMissing], so that an [auth.Chain]
// tries its next credential; one that cannot be used has [acrkit.CodeUsage].
func Certificate(tenantID, clientID, file, password string,
	opts *azidentity.ClientCertificateCredentialOptions) auth.Credential {
	c := &certificate{tenant: tenantID, client: clientID, file: file, password: redact.NewSecret(password)}
	if opts != nil {
		c.opts = *opts
	}
	return auth.Entra(c)
}

type certificate struct {
	tenant, client, file string
	password             redact.Secret
	opts                 azidentity.ClientCertificateCredentialOptions

	mu     sync.Mutex
	sum    [sha256.Size]byte // of the file that made cred
	cred   *azidentity.ClientCertificateCredential
	leaves string // what cred signs with, for messages
}

func (c *certificate) Kind() auth.Kind { return auth.KindCertificate }

func (c *certificate) String() string {
	return fmt.Sprintf("service principal %s by certificate %q", plain(c.client), c.file)
}

// plain quotes a text that is not a plain word.
func plain(s string) string {
	if wire.IsGUID(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// ForRegistry chooses the authority, which depends on the registry's cloud.
func (c *certificate) ForRegistry(reg acrkit.Registry) (auth.EntraTokenSource, error) {
	usage := func(reason string) (auth.EntraTokenSource, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: reg, Reason: reason}
	}
	bound := &certificate{tenant: c.tenant, client: c.client, file: c.file, password: c.password, opts: c.opts}
	switch {
	case c.tenant == "":
		return usage("the tenant is empty")
	case c.client == "":
		return usage("the client id is empty")
	case c.file == "":
		return usage("the certificate file has no name")
	}
	authority := c.opts.Cloud.ActiveDirectoryAuthorityHost
	if authority == "" {
		authority = os.Getenv("AZURE_AUTHORITY_HOST")
	}
	u, err := wire.Authority(reg, authority, "Cloud.ActiveDirectoryAuthorityHost", "proof of who you are")
	if err != nil {
		return nil, err
	}
	bound.opts.Cloud.ActiveDirectoryAuthorityHost = u.String()
	if !wire.IsMicrosoftAuthority(u.Host) { // only Microsoft's authorities are known to instance discovery
		bound.opts.DisableInstanceDiscovery = true
	}
	return bound, nil
}

// EntraToken implements [auth.EntraTokenSource].
func (c *certificate) EntraToken(ctx context.Context, scope string) (string, time.Time, error) {
	cred, leaves, err := c.load()
	if err == nil && c.opts.Transport == nil {
		//rule:proxy-variables-entra-token
		err = wire.CheckProxy(os.LookupEnv) // azidentity would bypass the proxy
	}
	if err != nil {
		return "", time.Time{}, err
	}
	token, expires, err := source{tc: cred}.EntraToken(ctx, scope)
	return token, expires, c.explain(err, leaves)
}

// explain adds the credential to an error, and the certificate if that was refused.
func (c *certificate) explain(err error, leaves string) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Op = "get an Entra token for " + c.String()
	if refusal, ok := errors.AsType[auth.EntraRefusal](err); ok && refusal.Number == 700027 {
		out.Reason += "; it has " + leaves
	}
	return &out
}

// load reads the file and returns azidentity's credential for its content.
func (c *certificate) load() (*azidentity.ClientCertificateCredential, string, error) {
	data, err := c.read()
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cred != nil && c.sum == sum {
		return c.cred, c.leaves, nil
	}
	certs, key, err := parseCertificates(data, c.password)
	if err != nil {
		return nil, "", c.unusable(err)
	}
	cred, err := azidentity.NewClientCertificateCredential(c.tenant, c.client, certs, key, &c.opts)
	if err != nil {
		return nil, "", c.unusable(&acrkit.Error{Code: acrkit.CodeUsage, Reason: firstLine(err.Error())})
	}
	c.cred, c.sum, c.leaves = cred, sum, describe(certs, key)
	return c.cred, c.leaves, nil
}

func (c *certificate) unusable(err error) error {
	e := &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the certificate in file %q", c.file),
		Reason: err.Error()}
	if from, ok := errors.AsType[*acrkit.Error](err); ok {
		e.Code, e.Cause, e.Reason, e.Hint = from.Code, from.Cause, from.Reason, from.Hint
	}
	return wire.Final(e)
}

func (c *certificate) read() ([]byte, error) {
	f, err := os.Open(c.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, c.unusable(&acrkit.Error{Code: acrkit.CodeCredentialMissing, Reason: "there is no such file"})
	case errors.Is(err, fs.ErrPermission):
		return nil, c.unusable(&acrkit.Error{Code: acrkit.CodeUsage, Reason: "this user may not read it"})
	case err != nil:
		return nil, c.unusable(err)
	}
	defer func() { _ = f.Close() }()
	data, err := certificateFile.ReadAll(f)
	if err != nil {
		return nil, c.unusable(err)
	}
	return data, nil
}

// parseCertificates is [azidentity.ParseCertificates] with errors that say what to do.
// They quote none of the file.
func parseCertificates(data []byte, password redact.Secret) ([]*x509.Certificate, *rsa.PrivateKey, error) {
	usage := func(reason, hint string) ([]*x509.Certificate, *rsa.PrivateKey, error) {
		return nil, nil, &acrkit.Error{Code: acrkit.CodeUsage, Reason: reason, Hint: hint}
	}
	secret := []byte(password.Reveal())
	isPEM := bytes.Contains(data, []byte("-----BEGIN "))
	switch {
	case len(data) == 0:
		return usage("the file is empty", "")
	case loginfile.LeadingMark(string(data)) != "":
		return usage("it "+loginfile.LeadingMark(string(data))+", which neither a PEM nor a PFX file has", "")
	//rule:byte-order-marks-parse-certificates
	case loginfile.ByteOrderMark(password.Reveal()) != "":
		return nil, nil, &acrkit.Error{Code: acrkit.CodeUsage, Cause: cause.PasswordByteOrderMark,
			Reason: "its password " + loginfile.ByteOrderMark(password.Reveal())}
	case isPEM && (bytes.Contains(data, []byte("ENCRYPTED PRIVATE KEY-----")) ||
		bytes.Contains(data, []byte("Proc-Type: 4,ENCRYPTED"))):
		return usage("its private key is encrypted, which Microsoft's library does not read in a PEM file",
			sentence.Fix(sentence.DecryptKey, nil))
	case isPEM && bytes.Contains(data, []byte("-----BEGIN EC PRIVATE KEY-----")):
		return usage("its private key is not an RSA key, which is the only kind Entra takes", "")
	case isPEM:
		secret = nil // azidentity would read a PEM file with a password as PFX
	}
	certs, key, err := azidentity.ParseCertificates(data, secret)
	if err == nil {
		own, ok := key.(*rsa.PrivateKey)
		if !ok {
			return usage("its private key is not an RSA key, which is the only kind Entra takes", "")
		}
		if !slices.ContainsFunc(certs, func(c *x509.Certificate) bool { return own.PublicKey.Equal(c.PublicKey) }) {
			return usage("its private key belongs to another certificate", "")
		}
		return certs, own, nil
	}
	switch text := err.Error(); {
	case strings.Contains(text, "no certificate"):
		return usage("it holds a private key, but no certificate", "")
	case strings.Contains(text, "no private key"):
		return usage("it holds a certificate, but not its private key", "")
	case strings.Contains(text, "multiple private keys"):
		return usage("it holds more than one private key", "")
	case isPEM:
		return usage("its PEM blocks are not a certificate and an RSA private key", "")
	case strings.Contains(text, "password incorrect"):
		if password.IsZero() {
			return usage("it is a PFX file with a password, and none is given",
				sentence.Fix(sentence.SetCertificatePassword, nil))
		}
		return usage("its password is another one", "")
	case strings.Contains(text, "unknown") || strings.Contains(text, "not implemented") ||
		strings.Contains(text, "only"):
		return usage(
			"it is a PFX file with newer encryption than Microsoft's library reads (that of OpenSSL 3, for one)",
			sentence.Fix(sentence.ConvertPFX, nil))
	}
	return usage("it is neither a PEM nor a PFX file", "")
}

// describe returns what identifies a certificate.
func describe(certs []*x509.Certificate, key *rsa.PrivateKey) string {
	for _, cert := range certs {
		if key.PublicKey.Equal(cert.PublicKey) {
			sum := sha1.Sum(cert.Raw) //nolint:gosec // as above
			return fmt.Sprintf("the thumbprint %X and ends on %s", sum, cert.NotAfter.UTC().Format(time.DateOnly))
		}
	}
	return "no certificate for its key" // which parseCertificates refuses
}
