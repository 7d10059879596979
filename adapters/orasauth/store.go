package orasauth

import (
	"context"
	"errors"

	remoteauth "oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

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

// Store is a read-only store of the credentials of a source. It answers for Azure's login
// servers, for loopback with a port, and for the custom ones that its options allow. For
// every other host it returns no credential, without calling the source. It is safe for
// concurrent use.
type Store struct{ logins *adapter.Logins }

var _ credentials.Store = (*Store)(nil)

// NewStore returns a store over a source. opts may be nil.
func NewStore(source Source, opts *auth.Options) *Store {
	return &Store{adapter.NewLogins(source, opts)}
}

// CredentialFunc is the Get of a [Store].
func CredentialFunc(source Source, opts *auth.Options) remoteauth.CredentialFunc {
	return NewStore(source, opts).Get
}

// Get returns a scope-mapped token's name and password, or an ACR refresh token of an
// Entra identity, which the store renews.
func (s *Store) Get(ctx context.Context, host string) (remoteauth.Credential, error) {
	login, err := s.logins.At(ctx, host, acrkit.Scope{})
	if err != nil || login.User == "" {
		return remoteauth.EmptyCredential, err
	}
	return remoteauth.Credential{Username: login.User, Password: login.Password.Reveal()}, nil
}

// Put refuses: the store is read-only.
func (s *Store) Put(context.Context, string, remoteauth.Credential) error { return errReadOnly }

// Delete refuses, as Put.
func (s *Store) Delete(context.Context, string) error { return errReadOnly }

var errReadOnly = errors.New("credentials of acrkit are stored by acrkit login, and by no client")
