package proxy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/proxy"
)

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
	set("JAVA_TOOL_OPTIONS", strings.TrimSpace(java+` "-Djavax.net.ssl.trustStore=`+store+
		`" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=`+trustPassword))
	return env, nil
}

func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}
