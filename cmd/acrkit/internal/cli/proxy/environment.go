package proxy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/proxy"
)

// trustPassword protects nothing: a truststore holds no secret, and Java wants a
// password for it. It is the one Java's own has.
const trustPassword = "changeit"

// bundleLimit bounds a file of certificates; the system's has 200 KiB.
//
//rule:command-limits-bundle-limit
var bundleLimit = limit.Limit{Name: "a file of certificates", Bytes: 8 << 20}

// clientUser is the user name for the client key. The proxy accepts any other, too.
const clientUser = "acrkit"

// environment writes the files of the command into the folder, and returns the variables
// that name them.
func (opts *Options) environment(dir *child.Folder, r ready, key, identityHeader auth.Secret) ([]string, error) {
	here, err := acrkit.ParseRegistry(r.Host)
	if err != nil {
		return nil, err
	}
	// The registry's own logins are left out, the proxy's put in.
	base, err := child.ReadUserConfig(opts.LookupEnv, opts.Registry)
	if err != nil {
		return nil, err
	}
	login := auth.Login{User: clientUser, Password: key}
	if opts.NoClientKey {
		login = auth.Login{}
	}
	if err := dir.Write(base, here, login); err != nil {
		return nil, err
	}
	if err := dir.Link(base); err != nil {
		return nil, err
	}
	env := dir.Environment(opts.Environ(), opts.KeepEnv)
	set := func(name, value string) { env = append(without(env, name), name+"="+value) }
	set(envURL, r.URL)
	set(envHost, r.Host)
	set("ACR_NAME", r.Host)
	if !opts.NoClientKey {
		set(envKey, key.Reveal())
		set("ACR_TOKEN_NAME", clientUser)
		set("ACR_TOKEN_PASSWORD", key.Reveal())
	}
	//rule:managed-identity-environment
	if opts.ManagedIdentity {
		env = find.WithAppService(env, r.URL+proxy.IdentityPath, identityHeader.Reveal())
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		old, _ := opts.LookupEnv(name)
		set(name, strings.TrimPrefix(old+",localhost,127.0.0.1,::1", ","))
	}
	if r.CAFile == "" {
		return env, nil
	}
	set(envCA, r.CAFile)
	own, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, err
	}
	// These replace the system's certificates.
	roots, err := opts.roots()
	if err != nil {
		return nil, err
	}
	bundle := filepath.Join(dir.Path, "ca-bundle.pem")
	if err := dir.WriteFile("ca-bundle.pem", join(roots, own)); err != nil {
		return nil, err
	}
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		set(name, bundle)
	}
	// This one adds to Node's own.
	extra := r.CAFile
	if old, _ := opts.LookupEnv("NODE_EXTRA_CA_CERTS"); old != "" {
		others, err := readBundle(old)
		if err != nil {
			return nil, err
		}
		extra = filepath.Join(dir.Path, "node-ca.pem")
		if err := dir.WriteFile("node-ca.pem", join(others, own)); err != nil {
			return nil, err
		}
	}
	set("NODE_EXTRA_CA_CERTS", extra)
	trust, err := truststore(join(roots, own))
	if err != nil {
		return nil, err
	}
	store := filepath.Join(dir.Path, "truststore.p12")
	if err := dir.WriteFile("truststore.p12", trust); err != nil {
		return nil, err
	}
	java, _ := opts.LookupEnv("JAVA_TOOL_OPTIONS")
	set("JAVA_TOOL_OPTIONS", strings.TrimSpace(java+` "-Djavax.net.ssl.trustStore=`+store+`" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=`+trustPassword))
	return env, nil
}

func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

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
