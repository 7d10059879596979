package credhelper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/adapters/internal/adapter"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// Deadline bounds one answer, with all its requests. A build waits for it once for each
// registry.
//
//rule:command-limits-deadline
const Deadline = 25 * time.Second

// MetadataWait is how long a metadata service may take to answer. One on the machine's
// host answers in milliseconds; elsewhere packets to its address are often dropped.
//
//rule:command-limits-metadata-wait
const MetadataWait = 2 * time.Second

// absentTime is how long a helper remembers that there is no metadata service.
//
//rule:command-limits-absent-time
const absentTime = time.Minute

// tokenUser is the user name that marks an identity token, in Docker's protocol.
const tokenUser = "<token>"

// ACRCredHelper answers for Azure's container registries with the credential in the
// environment. Its zero value is ready.
type ACRCredHelper struct {
	lookup   func(string) (string, bool) // nil is os.LookupEnv
	base     http.RoundTripper           // nil is auth's own
	metadata http.RoundTripper           // of the metadata service; nil is one without a proxy

	mu     sync.Mutex
	absent time.Time // when no metadata service was found; zero = never
}

var _ credentials.Helper = (*ACRCredHelper)(nil)

// NewACRCredentialsHelper returns a helper.
func NewACRCredentialsHelper() credentials.Helper { return &ACRCredHelper{} }

var errReadOnly = errors.New("credentials for Azure's registries come from the environment; nothing is stored")

// Add refuses: nothing is stored.
func (*ACRCredHelper) Add(*credentials.Credentials) error { return errReadOnly }

// Delete refuses: nothing is stored.
func (*ACRCredHelper) Delete(string) error { return errReadOnly }

// List returns nothing: the environment does not list registries.
func (*ACRCredHelper) List() (map[string]string, error) { return map[string]string{}, nil }

// Get returns the credential for a registry of Azure's: <token> with an ACR refresh
// token for an Entra identity, name and password of a scope-mapped token. Every other
// host, and a registry that the environment has nothing for, is the protocol's own
// "credentials not found in native keychain". An identity that AZURE_CLIENT_ID names and
// that cannot be used is an error that says what was tried.
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
	if cred.Kind() == auth.KindManagedIdentity && acrkit.CodeOf(err) == acrkit.CodeCredentialMissing &&
		h.get("AZURE_CLIENT_ID") == "" {
		return "", "", notFound // the machine has none, and the caller did not ask for one
	}
	if acrkit.CodeOf(err) != acrkit.CodeUsage {
		return "", "", fmt.Errorf("get a credential for %s: %w", reg.Host(), err)
	}
	login, err := t.Login(ctx, acrkit.Scope{})
	return login.User, login.Password.Reveal(), err
}

// registryOf reads a client's server: a host, with or without https and a path.
func registryOf(server string) (acrkit.Registry, bool) {
	//rule:acr-env-registry-of-2
	host, _, _ := strings.Cut(strings.TrimPrefix(server, "https://"), "/")
	reg, ok := adapter.ParseHost(host)
	//rule:acr-env-registry-of
	return reg, ok && reg.IsACR()
}

// environment returns what looks up a variable.
func (h *ACRCredHelper) environment() func(string) (string, bool) {
	if h.lookup != nil {
		return h.lookup
	}
	return os.LookupEnv
}

// get returns a variable, "" if it is not set.
func (h *ACRCredHelper) get(name string) string {
	v, _ := h.environment()(name)
	return v
}

// The variables of the credentials that come before a managed identity.
var proofs = []string{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
	"AZURE_FEDERATED_TOKEN", "AZURE_FEDERATED_TOKEN_FILE"}

// credential returns the credential of the environment; nil is none. Microsoft's
// variables name no registry, and are for all of Azure's, as in
// docker-credential-acr-env; acrkit's own are for the registry in ACR_NAME.
func (h *ACRCredHelper) credential(ctx context.Context, reg acrkit.Registry) (auth.Credential, error) {
	get := h.environment()
	isSet := func(name string) bool { return h.get(name) != "" }
	// What is for the registry in ACR_NAME.
	if isSet("ACR_NAME") {
		own, err := adapter.FromEnvironment(func() (auth.Environment, error) {
			return auth.FromEnvironment(func(name string) (string, bool) {
				if strings.HasPrefix(name, "AZURE_") {
					return "", false
				}
				return get(name)
			})
		})(ctx, reg)
		if own != nil || err != nil {
			return own, err
		}
	}
	//rule:acr-env-credential
	if !slices.ContainsFunc(proofs, isSet) {
		return h.managedIdentity(ctx, reg, get)
	}
	if !isSet("AZURE_CLIENT_SECRET") && !isSet("AZURE_CLIENT_CERTIFICATE_PATH") && isSet("AZURE_FEDERATED_TOKEN") &&
		isSet("AZURE_TENANT_ID") && isSet("AZURE_CLIENT_ID") {
		tenant, _ := get("AZURE_TENANT_ID")
		client, _ := get("AZURE_CLIENT_ID")
		authority, _ := get("AZURE_AUTHORITY_HOST")
		assertion := auth.SecretFunc(func(context.Context) (string, error) {
			v, _ := get("AZURE_FEDERATED_TOKEN")
			return v, nil
		})
		return auth.FederatedServicePrincipal(tenant, client, assertion, &auth.EntraOptions{AuthorityHost: authority}),
			nil
	}
	return adapter.FromEnvironment(func() (auth.Environment, error) {
		return azureauth.FromEnvironment(func(name string) (string, bool) {
			switch {
			case name == "ACR_NAME":
				return reg.Host(), true
			//rule:acr-env-credential-2
			case strings.HasPrefix(name, "ACR_"):
				return "", false
			}
			return get(name)
		}, nil)
	})(ctx, reg)
}

// managedIdentity returns the machine's identity. Where there is no metadata service, it
// returns nil, and an error if AZURE_CLIENT_ID names an identity.
func (h *ACRCredHelper) managedIdentity(ctx context.Context, reg acrkit.Registry,
	get func(string) (string, bool)) (auth.Credential, error) {
	opts := &azidentity.ManagedIdentityCredentialOptions{}
	if client, _ := get("AZURE_CLIENT_ID"); client != "" {
		opts.ID = azidentity.ClientID(client)
	}
	if h.metadata != nil {
		opts.Transport = &http.Client{Transport: h.metadata}
	}
	for _, name := range []string{"IDENTITY_ENDPOINT", "MSI_ENDPOINT"} {
		if v, _ := get(name); v != "" {
			return azureauth.ManagedIdentity(opts), nil // App Service, Functions, Arc and others set its address
		}
	}
	there, err := h.hasMetadataService(ctx)
	switch {
	case err != nil:
		return nil, err
	case !there && h.get("AZURE_CLIENT_ID") != "":
		// The caller asked for this identity: to go on without one would hide why.
		return nil, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "get a credential", Registry: reg,
			Reason: fmt.Sprintf(
				"AZURE_CLIENT_ID names an identity, none of %s is set, and no metadata service of a managed identity"+
					" answered at 169.254.169.254 within %s", strings.Join(proofs, ", "), MetadataWait)}
	case !there:
		return nil, nil
	}
	return azureauth.ManagedIdentity(opts), nil
}

// metadataURL is where a virtual machine gets the tokens of its identity. Source: Azure
// Instance Metadata Service. It answers a request without the header Metadata with a
// refusal, which shows that it exists.
const metadataURL = "http://169.254.169.254/metadata/identity/oauth2/token"

// hasMetadataService reports whether something answers at the address of the metadata
// service. Only the end of ctx is an error.
func (h *ACRCredHelper) hasMetadataService(ctx context.Context) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.absent.IsZero() && time.Since(h.absent) < absentTime {
		return false, nil
	}
	base := h.metadata
	if base == nil {
		base = &http.Transport{DisableKeepAlives: true} // and no proxy
	}
	probe, cancel := context.WithTimeout(ctx, MetadataWait)
	defer cancel()
	req, err := http.NewRequestWithContext(probe, http.MethodGet, metadataURL, nil)
	if err != nil {
		return false, err
	}
	resp, err := base.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	h.absent = time.Now()
	return false, nil
}
