// Package adapter is shared by the adapters for other clients (the modules in adapters):
// which hosts they answer for, and the logins for them.
//
// A program may use an adapter and this module in different versions. So things may be
// added here, but none may change its meaning.
package adapter

import (
	"context"
	"strings"
	"sync"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// Source returns the credential for a registry; nil is none.
type Source = func(ctx context.Context, reg acrkit.Registry) (auth.Credential, error)

// FromEnvironment is the credential of the environment that read returns, only for the
// registry that the environment names. An environment without a credential gives nil.
func FromEnvironment(read func() (auth.Environment, error)) Source {
	return func(_ context.Context, reg acrkit.Registry) (auth.Credential, error) {
		env, err := read()
		if acrkit.CodeOf(err) == acrkit.CodeCredentialMissing {
			return nil, nil
		}
		//rule:regional-from-environment
		if err != nil || env.Registry.LoginServer() != reg.LoginServer() {
			return nil, err
		}
		return env.Credential, nil
	}
}

// Always is one credential for every registry that an adapter answers for.
func Always(cred auth.Credential) Source {
	return func(context.Context, acrkit.Registry) (auth.Credential, error) { return cred, nil }
}

// ParseHost reads a host as clients write it. A bare name, which acrkit reads as a
// registry's short name, is not a host there.
func ParseHost(host string) (acrkit.Registry, bool) {
	//rule:look-alikes-parse-host
	if !strings.ContainsAny(host, ".:") {
		return acrkit.Registry{}, false
	}
	reg, err := acrkit.ParseRegistry(host)
	return reg, err == nil
}

// Logins has the logins for the registries of a source. It is safe for concurrent use.
type Logins struct {
	source Source
	opts   auth.Options

	mu   sync.Mutex
	open map[acrkit.Registry]*auth.Transport // nil where there is no credential
}

// NewLogins returns the logins of a source, which is called once for each registry.
// opts may be nil.
func NewLogins(source Source, opts *auth.Options) *Logins {
	if opts == nil {
		opts = &auth.Options{}
	}
	return &Logins{source: source, opts: *opts, open: map[acrkit.Registry]*auth.Transport{}}
}

// At returns the login for a host; scope selects it where parts of the registry have
// credentials of their own. It answers for Azure's login servers, for loopback with a
// port, and for the custom ones that the options allow. The zero Login is none: for every
// other host, without calling the source, and if there is no credential.
func (l *Logins) At(ctx context.Context, host string, scope acrkit.Scope) (auth.Login, error) {
	reg, ok := ParseHost(host)
	//rule:look-alikes-at
	if !ok || !reg.IsACR() && !reg.IsLoopback() && !l.opts.CustomLoginServer {
		return auth.Login{}, nil
	}
	t, err := l.transport(ctx, reg)
	if err != nil || t == nil {
		return auth.Login{}, err
	}
	login, err := t.Login(ctx, scope)
	if err != nil || login.User == "" {
		return auth.Login{}, err
	}
	return login, nil
}

// transport returns the one for a registry, nil where there is no credential.
func (l *Logins) transport(ctx context.Context, reg acrkit.Registry) (*auth.Transport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.open[reg]; ok {
		return t, nil
	}
	cred, err := l.source(ctx, reg)
	if err != nil {
		return nil, err
	}
	var t *auth.Transport
	if cred != nil {
		if t, err = auth.NewTransport(reg.Host(), cred, &l.opts); err != nil {
			return nil, err
		}
	}
	l.open[reg] = t
	return t, nil
}
