package ggcr

import (
	"context"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/adapters/internal/adapter"
	"github.com/acrkit/acrkit/auth"
)

// Source returns the credential for a registry; nil is none. It is called once for each
// registry.
type Source func(ctx context.Context, registry acrkit.Registry) (auth.Credential, error)

// FromEnvironment is the credential that the variables name, for the registry in
// ACR_NAME alone ([auth.FromEnvironment]). lookup is os.LookupEnv.
func FromEnvironment(lookup func(string) (string, bool)) Source {
	return adapter.FromEnvironment(func() (auth.Environment, error) { return auth.FromEnvironment(lookup) })
}

// Always is one credential for every registry of Azure's, for loopback, and for the custom
// ones that the options allow.
func Always(cred auth.Credential) Source { return adapter.Always(cred) }

// Keychain returns a keychain with the credentials of a source. It answers for
// Azure's login servers, for loopback with a port, and for the custom ones that
// opts allows; for every other host it returns [authn.Anonymous] without calling source.
//
// A scope-mapped token is returned as its name and password; an Entra identity as an ACR
// refresh token, which the keychain renews. The keychain is safe for concurrent use. opts
// may be nil.
func Keychain(source Source, opts *auth.Options) authn.Keychain {
	return &keychain{adapter.NewLogins(source, opts)}
}

type keychain struct{ logins *adapter.Logins }

var _ authn.ContextKeychain = (*keychain)(nil)

// Resolve implements [authn.Keychain].
func (k *keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), target)
}

// ResolveContext implements [authn.ContextKeychain].
func (k *keychain) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	// The target may be a registry or a repository: each repository may have another
	// credential.
	scope := acrkit.Scope{}
	if name := strings.TrimPrefix(target.String(), target.RegistryStr()+"/"); acrkit.CheckRepositoryName(name) == nil &&
		name != target.String() {
		scope = acrkit.RepositoryScope(name, acrkit.ContentRead)
	}
	login, err := k.logins.At(ctx, target.RegistryStr(), scope)
	switch {
	case err != nil:
		return nil, err
	case login.User == "":
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{Username: login.User, Password: login.Password.Reveal()}), nil
}
