// Package ggcr gives go-containerregistry any credential of acrkit.
//
// A program that speaks to Azure's registries alone is best served by acrkit's
// transport, which asks for exactly the rights that a request needs:
//
//	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, nil)
//	remote.Get(ref, remote.WithTransport(rt))
//
// One that speaks to many registries takes a [Keychain] among others, as ko and
// cosign do:
//
//	keychain := authn.NewMultiKeychain(authn.DefaultKeychain, ggcr.Keychain(ggcr.FromEnvironment(os.LookupEnv), nil))
//	remote.Get(ref, remote.WithAuthFromKeychain(keychain))
package ggcr

import (
	"context"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// Source says which credential one has for a registry; nil is none. It is asked
// once for each registry.
type Source func(ctx context.Context, registry acrkit.Registry) (auth.Credential, error)

// FromEnvironment is the credential that the variables name, for the registry in
// ACR_NAME alone ([auth.FromEnvironment]). lookup is os.LookupEnv.
func FromEnvironment(lookup func(string) (string, bool)) Source {
	return func(_ context.Context, registry acrkit.Registry) (auth.Credential, error) {
		env, err := auth.FromEnvironment(lookup)
		if acrkit.CodeOf(err) == acrkit.CodeCredentialMissing {
			return nil, nil
		}
		if err != nil || env.Registry != registry {
			return nil, err
		}
		return env.Credential, nil
	}
}

// Always is one credential for every registry of Azure.
func Always(cred auth.Credential) Source {
	return func(context.Context, acrkit.Registry) (auth.Credential, error) { return cred, nil }
}

// Keychain returns a keychain with the credentials of a source. It answers for
// Azure's login servers, for loopback with a port, and for the custom ones that
// opts allows; every other host is [authn.Anonymous] without any look at it.
//
// A scope-mapped token is handed over as its name and password; an Entra identity as
// an ACR refresh token, which is renewed while the keychain lives. The keychain is
// safe for concurrent use. opts may be nil.
func Keychain(source Source, opts *auth.Options) authn.Keychain {
	if opts == nil {
		opts = &auth.Options{}
	}
	return &keychain{source: source, opts: *opts, open: map[acrkit.Registry]*auth.Transport{}}
}

type keychain struct {
	source Source
	opts   auth.Options

	mu   sync.Mutex
	open map[acrkit.Registry]*auth.Transport // nil where there is no credential
}

var _ authn.ContextKeychain = (*keychain)(nil)

// Resolve implements [authn.Keychain].
func (k *keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), target)
}

// ResolveContext implements [authn.ContextKeychain].
func (k *keychain) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	reg, err := acrkit.ParseRegistry(target.RegistryStr())
	if err != nil || !strings.ContainsAny(target.RegistryStr(), ".:") || !reg.IsACR() && !reg.IsLoopback() && !k.opts.CustomLoginServer {
		return authn.Anonymous, nil //nolint:nilerr // a host that is none of ours is somebody else's business
	}
	t, err := k.transport(ctx, reg)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return authn.Anonymous, nil
	}
	// What is asked for may be a registry or a repository: each part of a registry may
	// have another credential.
	scope := acrkit.Scope{}
	if name := strings.TrimPrefix(target.String(), target.RegistryStr()+"/"); acrkit.CheckRepositoryName(name) == nil && name != target.String() {
		scope = acrkit.RepositoryScope(name, acrkit.ContentRead)
	}
	login, err := t.Login(ctx, scope)
	if err != nil || login.User == "" {
		return authn.Anonymous, err
	}
	return authn.FromConfig(authn.AuthConfig{Username: login.User, Password: login.Password.Reveal()}), nil
}

// transport returns the one for a registry, nil where there is no credential.
func (k *keychain) transport(ctx context.Context, reg acrkit.Registry) (*auth.Transport, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.open[reg]; ok {
		return t, nil
	}
	cred, err := k.source(ctx, reg)
	if err != nil {
		return nil, err
	}
	var t *auth.Transport
	if cred != nil {
		if t, err = auth.NewTransport(reg.Host(), cred, &k.opts); err != nil {
			return nil, err
		}
	}
	k.open[reg] = t
	return t, nil
}
