package find

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// AzureIdentity is the Entra identity for Azure Resource Manager. No registry sees its
// secret, so the variables need no ACR_NAME.
type AzureIdentity struct {
	Credential azcore.TokenCredential
	Kind       auth.Kind
	Source     string // the variables it came from, or "the Azure CLI (az login)"
}

// Azure returns the Entra identity for the Azure Resource Manager that has the registry:
// the service principal in the environment, if AZURE_TENANT_ID, AZURE_CLIENT_ID and one of
// a secret, a certificate or a federated token are set, else the account that is signed in
// to the Azure CLI. Kind chooses one. A service principal that is incomplete is an error;
// a tenant alone is none. base sends its requests to Entra. Nothing is sent yet.
//
// The errors of the credential are [*acrkit.Error].
func (f *Finder) Azure(reg acrkit.Registry, base http.RoundTripper) (AzureIdentity, error) {
	kind := auth.Kind(f.Kind)
	switch kind {
	case "", auth.KindServicePrincipal, auth.KindCertificate:
	case auth.KindAzureCLI:
		return azureCLI(), nil
	case auth.KindManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{}
		if id := f.env("AZURE_CLIENT_ID"); id != "" {
			o.ID = azidentity.ClientID(id)
		}
		return AzureIdentity{explained{azureauth.ManagedIdentitySource(o)}, kind, "the managed identity"}, nil
	default:
		return AzureIdentity{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: opSignIn, Registry: reg,
			Reason: fmt.Sprintf("Azure Resource Manager takes Entra identities only, and %s%s is none",
				f.AskedBy, f.Kind),
			Hint: sentence.Fix(sentence.SignInToAzure, nil)}
	}
	if err := f.wholePrincipal(reg, kind); err != nil {
		return AzureIdentity{}, err
	}
	id, err := f.azurePrincipal(reg, kind, base)
	if err == nil && id.Credential == nil {
		if kind == "" {
			return f.azureCLIOrNone(reg)
		}
		err = f.incompletePrincipal(reg, "none is set")
	}
	return id, err
}

// wholePrincipal returns an error if the environment has a part of a service principal that
// [auth.FromEnvironment] refuses, too. In a job of GitHub Actions the proof may be another
// one, with which the job's sign-in to az was made.
func (f *Finder) wholePrincipal(reg acrkit.Registry, kind auth.Kind) error {
	get := f.lookupFor(kind)
	set := func(name string) bool { v, _ := get(name); return v != "" }
	proved := slices.ContainsFunc([]string{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
		"AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_FEDERATED_TOKEN_FILE"}, set)
	switch {
	case !proved && !set("AZURE_CLIENT_ID"):
		return nil // a tenant alone is no principal
	case !proved && kind != "":
		return nil // which has an error of its own
	case !proved && set("AZURE_TENANT_ID") && set("ACTIONS_ID_TOKEN_REQUEST_URL") &&
		set("ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
		return nil
	}
	_, err := auth.FromEnvironment(func(name string) (string, bool) {
		if !strings.HasPrefix(name, "AZURE_") {
			return "", false
		}
		return get(name)
	})
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Code == acrkit.CodeUsage {
		half := *e
		half.Op, half.Registry = opSignIn, reg
		return &half
	}
	return nil // it may lack ACR_NAME, which is not needed
}

func azureCLI() AzureIdentity {
	return AzureIdentity{explained{azureauth.AzureCLISource(nil)}, auth.KindAzureCLI, "the Azure CLI (az login)"}
}

// azureCLIOrNone is the Azure CLI as the last of the ways to sign in, if there is one.
func (f *Finder) azureCLIOrNone(reg acrkit.Registry) (AzureIdentity, error) {
	if _, err := exec.LookPath("az"); err != nil {
		return AzureIdentity{}, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: opSignIn, Registry: reg,
			Reason: "the environment has no service principal, and there is no program az in PATH",
			Hint:   sentence.Fix(sentence.SetAzurePrincipal, nil)}
	}
	return azureCLI(), nil
}

const opSignIn = "sign in to Azure"

// explained is a source of tokens with errors that say what to do, as azcore wants it.
type explained struct{ source auth.EntraTokenSource }

func (e explained) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, expires, err := e.source.EntraToken(ctx, strings.Join(o.Scopes, " "))
	return azcore.AccessToken{Token: token, ExpiresOn: expires}, err
}

// azurePrincipal reads the service principal; its credential is nil if no variable of a
// proof is set.
func (f *Finder) azurePrincipal(reg acrkit.Registry, kind auth.Kind, base http.RoundTripper) (AzureIdentity, error) {
	tenant, client := f.env("AZURE_TENANT_ID"), f.env("AZURE_CLIENT_ID")
	proof := ""
	for _, v := range []struct {
		name string
		kind auth.Kind
	}{{"AZURE_CLIENT_SECRET", auth.KindServicePrincipal},
		{"AZURE_CLIENT_CERTIFICATE_PATH", auth.KindCertificate},
		{"AZURE_FEDERATED_TOKEN_FILE", auth.KindServicePrincipal}} { // in the order of Microsoft's libraries
		if f.env(v.name) != "" && (kind == "" || kind == v.kind) {
			proof = v.name
			break
		}
	}
	if proof == "" {
		return AzureIdentity{}, nil
	}
	authority, err := wire.Authority(reg, f.env("AZURE_AUTHORITY_HOST"), "AZURE_AUTHORITY_HOST",
		"the proof of an identity")
	if err != nil {
		return AzureIdentity{}, err
	}
	o := policy.ClientOptions{Transport: roundTripper{base},
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: authority.String()}}
	unknown := !wire.IsMicrosoftAuthority(authority.Host) // which Microsoft's list of clouds does not have
	id := AzureIdentity{Kind: auth.KindServicePrincipal, Source: "AZURE_TENANT_ID, AZURE_CLIENT_ID and " + proof}
	switch proof {
	case "AZURE_CLIENT_SECRET":
		id.Credential, err = azidentity.NewClientSecretCredential(tenant, client, f.env(proof),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: unknown})
	case "AZURE_FEDERATED_TOKEN_FILE":
		id.Credential, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o, DisableInstanceDiscovery: unknown, TenantID: tenant, ClientID: client,
			TokenFilePath: f.env(proof)})
	default:
		id.Kind = auth.KindCertificate
		id.Credential, err = f.azureCertificate(tenant, client, o, unknown)
	}
	if err != nil {
		return AzureIdentity{}, f.incompletePrincipal(reg, err.Error())
	}
	id.Credential = reached{azureauth.TokenSource(id.Credential, nil)}
	return id, nil
}

func (f *Finder) incompletePrincipal(reg acrkit.Registry, why string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: opSignIn, Registry: reg, Reason: why,
		Hint: sentence.Fix(sentence.SetAzurePrincipal, nil)}
}

// reached is a source of tokens of which the library keeps the text of a network error
// only, as explained with the error itself, which names the host.
type reached struct{ source auth.EntraTokenSource }

func (r reached) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	last := &lastTry{}
	t, err := explained(r).GetToken(context.WithValue(ctx, lastTryKey{}, last), o)
	if e := last.failure(); err != nil && e != nil && ctx.Err() == nil {
		return azcore.AccessToken{}, e
	}
	return t, err
}

type lastTryKey struct{}

// lastTry is how the last request of a token's requests failed.
type lastTry struct {
	mu  sync.Mutex
	err *acrkit.Error // nil = it was answered
}

func (l *lastTry) failure() *acrkit.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// roundTripper is base as azcore wants it.
type roundTripper struct{ base http.RoundTripper }

func (r roundTripper) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.base.RoundTrip(req)
	if last, ok := req.Context().Value(lastTryKey{}).(*lastTry); ok {
		last.mu.Lock()
		defer last.mu.Unlock()
		if last.err = nil; err != nil {
			last.err = wire.EntraError(err, "get an Entra token", req.URL.Host)
		}
	}
	return resp, err
}

// azureCertificate reads a certificate with its private key, as Microsoft's libraries do.
func (f *Finder) azureCertificate(tenant, client string, o policy.ClientOptions,
	unknown bool) (azcore.TokenCredential, error) {
	data, err := os.ReadFile(f.env("AZURE_CLIENT_CERTIFICATE_PATH"))
	if err != nil {
		return nil, err
	}
	certs, key, err := azidentity.ParseCertificates(data, []byte(f.env("AZURE_CLIENT_CERTIFICATE_PASSWORD")))
	if err != nil {
		return nil, errors.New("the file in AZURE_CLIENT_CERTIFICATE_PATH holds no certificate with its key")
	}
	chain := f.env("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")
	return azidentity.NewClientCertificateCredential(tenant, client, certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: unknown,
			SendCertificateChain: chain == "1" || strings.EqualFold(chain, "true")})
}
