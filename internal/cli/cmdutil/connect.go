package cmdutil

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/registry"
)

// Connection is an identity with clients.
type Connection struct {
	Identity
	Transport *auth.Transport
	Client    *registry.Client
	Base      *http.Client // over Transport

	Repository string // what the command is about, for hints; "" = the registry
	Target     string // the tag or digest in it that the command is about, ""= none
}

// about is a scope of what the command is about: of no matter which right.
func (c *Connection) about(required acrkit.Scope) acrkit.Scope {
	switch {
	case !required.IsEmpty():
		return required
	case c.Repository != "":
		return acrkit.RepositoryScope(c.Repository, acrkit.MetadataRead)
	}
	return acrkit.CatalogScope()
}

// Close forgets the tokens.
func (c *Connection) Close() error { return c.Transport.Close() }

// Registry returns the registry that is meant: the argument, the flag --registry
// or the variable ACR_NAME, in this order.
func (f *Factory) Registry(arg string) (acrkit.Registry, error) {
	for _, name := range []string{arg, f.Global.Registry, f.Env("ACR_NAME")} {
		if name != "" {
			return acrkit.ParseRegistry(name)
		}
	}
	return acrkit.Registry{}, &acrkit.Error{Code: acrkit.CodeUsage, Reason: "no registry is named, and ACR_NAME is not set",
		Hint: "export ACR_NAME=myregistry"}
}

// RepositoryFlag reads the value of --repository, a name that may stand behind its
// registry, and the registry that is meant: arg, else the one in the name, else
// as [Factory.Registry]. An empty value is no repository.
func (f *Factory) RepositoryFlag(value, arg string) (acrkit.Registry, string, error) {
	name := ""
	if value != "" {
		fallback := acrkit.Registry{}
		if reg, err := f.Registry(arg); err == nil {
			fallback = reg
		}
		ref, err := acrkit.ParseReference(value, fallback)
		if err != nil {
			return acrkit.Registry{}, "", err
		}
		if ref.Target() != "" {
			return acrkit.Registry{}, "", Usage("--repository %q names a tag or a digest; give the repository alone", value)
		}
		if !ref.Registry.IsZero() && arg == "" {
			arg = ref.Registry.Host()
		}
		name = ref.Name
	}
	reg, err := f.Registry(arg)
	return reg, name, err
}

// Reference reads a reference whose registry may be left out.
func (f *Factory) Reference(arg string) (acrkit.Reference, error) {
	var fallback acrkit.Registry
	if f.Global.Registry != "" || f.Env("ACR_NAME") != "" {
		var err error
		if fallback, err = f.Registry(""); err != nil {
			return acrkit.Reference{}, err
		}
	}
	ref, err := acrkit.ParseReference(arg, fallback)
	if err != nil {
		return acrkit.Reference{}, err
	}
	if ref.Registry.IsZero() {
		return acrkit.Reference{}, &acrkit.Error{Code: acrkit.CodeUsage,
			Reason: fmt.Sprintf("%q names no registry, and ACR_NAME is not set", arg), Hint: "export ACR_NAME=myregistry"}
	}
	return ref, nil
}

// halfHint completes the first set of variables that lacks one.
func halfHint(lookups []auth.Lookup, host string) string {
	for _, l := range lookups {
		switch {
		case l.Outcome != auth.OutcomeIncomplete:
		case strings.HasPrefix(l.Detail, "ACR_NAME "):
			return "export ACR_NAME=" + host
		case strings.Contains(l.Source, "AZURE_FEDERATED_TOKEN_FILE"):
			return strings.Replace(exportHint(l.Kind, host), "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", 1)
		case strings.Contains(l.Source, "ACTIONS_ID_TOKEN_REQUEST_"):
			return exportHint(authGitHubOIDC, host)
		default:
			return exportHint(l.Kind, host)
		}
	}
	return "acrkit help environment"
}

func exportHint(kind auth.Kind, host string) string {
	name := "export ACR_NAME=" + host
	switch kind {
	case auth.KindServicePrincipal:
		return name + " AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…"
	case auth.KindCertificate:
		return name + " AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_CERTIFICATE_PATH=…"
	case authGitHubOIDC:
		return name + " AZURE_TENANT_ID=… AZURE_CLIENT_ID=…    # in a job with the permission id-token: write"
	case auth.KindRefreshToken:
		return name + " ACR_REFRESH_TOKEN=…"
	}
	return name + " ACR_TOKEN_NAME=… ACR_TOKEN_PASSWORD_FILE=…"
}

// lookupFor hides the variables of the kinds that were not asked for.
func (f *Factory) lookupFor(kind auth.Kind) func(string) (string, bool) {
	if kind == "" {
		return f.LookupEnv
	}
	return func(name string) (string, bool) {
		var of []auth.Kind
		switch {
		case strings.HasPrefix(name, "ACR_TOKEN_"):
			of = []auth.Kind{auth.KindScopedToken, auth.KindAdminUser}
		case strings.HasPrefix(name, "ACR_REFRESH_TOKEN"):
			of = []auth.Kind{auth.KindRefreshToken}
		case strings.HasPrefix(name, "AZURE_CLIENT_CERTIFICATE_"):
			of = []auth.Kind{auth.KindCertificate}
		case name == "AZURE_CLIENT_SECRET" || name == "AZURE_FEDERATED_TOKEN_FILE":
			of = []auth.Kind{auth.KindServicePrincipal}
		case strings.HasPrefix(name, "AZURE_") && name != "AZURE_AUTHORITY_HOST":
			of = []auth.Kind{auth.KindServicePrincipal, auth.KindCertificate, authGitHubOIDC}
		}
		if of != nil && !slices.Contains(of, kind) {
			return "", false
		}
		return f.LookupEnv(name)
	}
}

// Connect finds the credential for a registry and makes clients with it. Nothing
// is sent yet.
func (f *Factory) Connect(ctx context.Context, reg acrkit.Registry) (*Connection, error) {
	id, err := f.Identity(ctx, reg)
	if err != nil {
		return nil, err
	}
	return f.ConnectAs(id) //nolint:contextcheck // an error of making clients is explained without asking anybody
}

// ConnectAs makes clients with an identity. Nothing is sent yet.
func (f *Factory) ConnectAs(id Identity) (*Connection, error) {
	reg := id.Registry
	base, err := f.baseTransport()
	if err != nil {
		return nil, err
	}
	var rt http.RoundTripper = &awaited{base, f.IO}
	if f.Global.Debug {
		rt = &debugTransport{base: rt, w: f.IO.ErrOut, now: f.Now}
	}
	t, err := auth.NewTransport(reg.Host(), id.Credential, &auth.Options{
		Base: rt, PlainHTTP: f.Global.PlainHTTP, CustomLoginServer: f.customLoginServer(reg), Now: f.Now,
	})
	if err != nil {
		id.plainHTTP = f.Global.PlainHTTP
		return nil, Explain(context.Background(), &Connection{Identity: id}, err)
	}
	c, err := registry.New(reg.Host(), t, &registry.Options{PlainHTTP: f.Global.PlainHTTP, OnRetry: f.onRetry(reg)})
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return &Connection{Identity: id, Transport: t, Client: c, Base: &http.Client{Transport: t}}, nil
}

// customLoginServer reports whether ACRKIT_REGISTRIES names the registry.
func (f *Factory) customLoginServer(reg acrkit.Registry) bool {
	return slices.ContainsFunc(strings.Split(f.Env("ACRKIT_REGISTRIES"), ","), func(name string) bool {
		named, err := acrkit.ParseRegistry(strings.TrimSpace(name))
		return err == nil && named == reg
	})
}

// maxResponseHeader bounds the header of an answer. A challenge with the longest
// scope is the largest thing in it; Go's own default of 10 MiB, with as many
// requests at once as the command makes, is too much to take from a stranger.
const maxResponseHeader = 2 * wire.MaxChallenge

// A connection of HTTP/2 over which nothing came for pingAfter is asked whether it
// is alive, and given up after pingWait, as package auth does with its own: the
// machine may have slept.
const (
	pingAfter = 30 * time.Second
	pingWait  = 15 * time.Second
)

// baseTransport is Go's own transport, except that names under .localhost are
// this machine (RFC 6761 §6.3), which not every system resolves, and that
// SSL_CERT_FILE is honoured on every system.
func (f *Factory) baseTransport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = maxResponseHeader
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait}
	dialer := &net.Dialer{}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
			addr = net.JoinHostPort("localhost", port)
		}
		return dialer.DialContext(ctx, network, addr)
	}
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		if reg, err := acrkit.ParseRegistry(req.URL.Host); err == nil && reg.IsLoopback() {
			return nil, nil
		}
		return http.ProxyFromEnvironment(req)
	}
	file := f.Env("SSL_CERT_FILE")
	if file == "" {
		return t, nil
	}
	bad := func(why string, causes ...error) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read SSL_CERT_FILE", Reason: why, Causes: causes}
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, bad("", err)
	}
	// Go reads the variable by itself on some systems only, and once a process.
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, bad(fmt.Sprintf("%s holds no certificate (PEM)", file))
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}
