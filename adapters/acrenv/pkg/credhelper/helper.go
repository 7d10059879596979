// Package credhelper takes the place of
// github.com/chrismellard/docker-credential-acr-env/pkg/credhelper in programs that
// import it, as ko and cosign do: the import path changes, and nothing else.
//
//	authn.NewKeychainFromHelper(credhelper.NewACRCredentialsHelper())
//
// What differs: look-alike hosts (myregistry.azurecr.io.evil.example) are refused
// before anything is asked; ACR_TOKEN_NAME with ACR_TOKEN_PASSWORD lets in with a
// scope-mapped token, for the registry in ACR_NAME; and a managed identity is asked
// for only where ACRKIT_AUTH=managed-identity says so, so that nothing waits for a
// metadata service that is not there.
package credhelper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/adapter"
)

// Deadline bounds one answer, with all requests that it needs: a build waits for
// it, once for each registry.
const Deadline = 25 * time.Second

// tokenUser is the user name that marks an identity token, in Docker's protocol.
const tokenUser = "<token>"

// ACRCredHelper answers for Azure's container registries with the credential in the
// environment. Its zero value is ready.
type ACRCredHelper struct {
	lookup func(string) (string, bool) // nil is os.LookupEnv
	base   http.RoundTripper           // nil is auth's own
}

var _ credentials.Helper = (*ACRCredHelper)(nil)

// NewACRCredentialsHelper returns a helper.
func NewACRCredentialsHelper() credentials.Helper { return &ACRCredHelper{} }

var errReadOnly = errors.New("credentials for Azure's registries come from the environment; nothing is stored")

// Add refuses: nothing is stored.
func (*ACRCredHelper) Add(*credentials.Credentials) error { return errReadOnly }

// Delete refuses: nothing is stored.
func (*ACRCredHelper) Delete(string) error { return errReadOnly }

// List returns nothing: which registries there are, nobody knows.
func (*ACRCredHelper) List() (map[string]string, error) { return map[string]string{}, nil }

// Get returns the credential for a registry of Azure's: <token> with an ACR refresh
// token for an Entra identity, name and password of a scope-mapped token. Every other
// host, and a registry that the environment has nothing for, is the protocol's own
// "credentials not found in native keychain".
func (h *ACRCredHelper) Get(serverURL string) (user, secret string, err error) {
	notFound := credentials.NewErrCredentialsNotFound()
	reg, ok := registryOf(serverURL)
	if !ok {
		return "", "", notFound
	}
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	cred, err := h.credential(ctx, reg)
	if err != nil {
		return "", "", err
	}
	if cred == nil {
		return "", "", notFound
	}
	t, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: h.base})
	if err != nil {
		return "", "", err
	}
	defer t.Close()
	token, err := t.RefreshToken(ctx)
	if err == nil {
		return tokenUser, token.Value.Reveal(), nil
	}
	if acrkit.CodeOf(err) != acrkit.CodeUsage {
		return "", "", fmt.Errorf("get a credential for %s: %w", reg.Host(), err)
	}
	login, err := t.Login(ctx, acrkit.Scope{})
	return login.User, login.Password.Reveal(), err
}

// registryOf reads what clients ask for: a host, with or without scheme and path.
func registryOf(server string) (acrkit.Registry, bool) {
	host := strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	reg, ok := adapter.ParseHost(host)
	return reg, ok && reg.IsACR()
}

// credential is the one of the environment. Microsoft's variables name no registry,
// and are for every one of Azure's, as docker-credential-acr-env has it; acrkit's own
// are for the registry in ACR_NAME.
func (h *ACRCredHelper) credential(ctx context.Context, reg acrkit.Registry) (auth.Credential, error) {
	lookup := h.lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if kind, _ := lookup("ACRKIT_AUTH"); kind == string(auth.KindManagedIdentity) {
		opts := &azidentity.ManagedIdentityCredentialOptions{}
		if client, _ := lookup("AZURE_CLIENT_ID"); client != "" {
			opts.ID = azidentity.ClientID(client)
		}
		return azureauth.ManagedIdentity(opts), nil
	}
	named, _ := lookup("ACR_NAME")
	return adapter.FromEnvironment(func() (auth.Environment, error) {
		return azureauth.FromEnvironment(func(name string) (string, bool) {
			switch {
			case name == "ACR_NAME" && named == "":
				return reg.Host(), true
			case named == "" && strings.HasPrefix(name, "ACR_"):
				return "", false
			}
			return lookup(name)
		}, nil)
	})(ctx, reg)
}
