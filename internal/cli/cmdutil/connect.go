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

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/registry"
)

// AuthKinds are the values of --auth, with the variables each may read.
var AuthKinds = []string{
	string(auth.KindScopedToken), string(auth.KindRefreshToken), string(auth.KindServicePrincipal), string(auth.KindAnonymous),
}

// Identity is who the command is towards one registry, before anything was sent.
type Identity struct {
	Registry   acrkit.Registry
	Credential auth.Credential
	Source     string        // the variables it came from; "nothing was found" for anonymous
	Lookups    []auth.Lookup // every place that was looked at
	Note       string        // why a credential that is there was not used, or ""

	plainHTTP bool
}

// Connection is an identity with clients.
type Connection struct {
	Identity
	Transport *auth.Transport
	Client    *registry.Client
	Base      *http.Client // over Transport

	Repository string // what the command is about, for hints; "" = the registry
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

// Identity finds the credential for a registry. Nothing is sent.
func (f *Factory) Identity(reg acrkit.Registry) (Identity, error) {
	id := Identity{Registry: reg, Credential: auth.Anonymous(), Source: "nothing was found", plainHTTP: f.Global.PlainHTTP}
	kind, host := auth.Kind(f.Global.Auth), reg.Host() // host is for hints
	if !f.customLoginServer(reg) {
		host = loginServer(reg)
	}
	if kind == auth.KindAnonymous {
		id.Source = "--auth anonymous"
		return id, nil
	}
	env, err := auth.FromEnvironment(f.lookupFor(kind))
	id.Lookups = env.Lookups
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		if e.Code != acrkit.CodeCredentialMissing {
			e.Hint = halfHint(env.Lookups, host)
			return id, e
		}
		if f.Env("ACR_NAME") == "" && slices.ContainsFunc(env.Lookups, func(l auth.Lookup) bool { return l.Outcome == auth.OutcomeIncomplete }) {
			id.Note = e.Reason
		}
	}
	switch {
	case env.Credential == nil:
		if kind != "" {
			return id, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "sign in", Registry: reg,
				Reason: fmt.Sprintf("--auth %s, and the environment holds no credential of this kind for it", kind), Hint: exportHint(kind, host)}
		}
	case env.Registry != reg:
		id.Note = fmt.Sprintf("%s set for %s, the registry in ACR_NAME, and not used", env.Source, env.Registry.Host())
		for i := range id.Lookups {
			if l := &id.Lookups[i]; l.Outcome == auth.OutcomeUsed {
				l.Outcome, l.Detail = auth.OutcomeShadowed, "for "+env.Registry.Host()+" only"
			}
		}
		if kind != "" {
			return id, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "sign in", Registry: reg, Reason: id.Note, Hint: "export ACR_NAME=" + host}
		}
	default:
		id.Credential, id.Source = env.Credential, env.Source
	}
	return id, nil
}

// halfHint completes the first set of variables that lacks one.
func halfHint(lookups []auth.Lookup, host string) string {
	for _, l := range lookups {
		switch {
		case l.Outcome != auth.OutcomeIncomplete:
		case strings.HasPrefix(l.Detail, "ACR_NAME "):
			return "export ACR_NAME=" + host
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
		of := auth.Kind("")
		switch {
		case strings.HasPrefix(name, "ACR_TOKEN_"):
			of = auth.KindScopedToken
		case strings.HasPrefix(name, "ACR_REFRESH_TOKEN"):
			of = auth.KindRefreshToken
		case strings.HasPrefix(name, "AZURE_") && name != "AZURE_AUTHORITY_HOST":
			of = auth.KindServicePrincipal
		}
		if of != "" && of != kind {
			return "", false
		}
		return f.LookupEnv(name)
	}
}

// Connect finds the credential for a registry and makes clients with it. Nothing
// is sent yet.
func (f *Factory) Connect(reg acrkit.Registry) (*Connection, error) {
	id, err := f.Identity(reg)
	if err != nil {
		return nil, err
	}
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

// baseTransport is Go's own transport, except that names under .localhost are
// this machine (RFC 6761 §6.3), which not every system resolves, and that
// SSL_CERT_FILE is honoured on every system.
func (f *Factory) baseTransport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = maxResponseHeader
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
