package find

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// AzureIdentity is the Entra identity for Azure Resource Manager. No registry sees its
// secret, so the variables need no ACR_NAME.
type AzureIdentity struct {
	Credential azcore.TokenCredential
	Source     string // the variables it came from, or "the Azure CLI (az login)"
}

// Azure returns the Entra identity for the Azure Resource Manager that has the registry:
// the service principal in the environment, if AZURE_TENANT_ID, AZURE_CLIENT_ID and one of
// a secret, a certificate or a federated token are set, else the account that is signed in
// to the Azure CLI. Kind chooses one. A service principal that is incomplete is an error.
// base sends its requests to Entra. Nothing is sent yet.
func (f *Finder) Azure(reg acrkit.Registry, base http.RoundTripper) (AzureIdentity, error) {
	kind := auth.Kind(f.Kind)
	switch kind {
	case "", auth.KindServicePrincipal, auth.KindCertificate:
	case auth.KindAzureCLI:
		return azureCLI()
	case auth.KindManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{}
		if id := f.env("AZURE_CLIENT_ID"); id != "" {
			o.ID = azidentity.ClientID(id)
		}
		c, err := azidentity.NewManagedIdentityCredential(o)
		return AzureIdentity{Credential: c, Source: "the managed identity"}, err
	default:
		return AzureIdentity{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "sign in to Azure", Registry: reg,
			Reason: fmt.Sprintf("Azure Resource Manager takes Entra identities only, and %s%s is none",
				f.AskedBy, f.Kind),
			Hint: sentence.Fix(sentence.SignInToAzure, nil)}
	}
	id, err := f.azurePrincipal(reg, kind, base)
	if err == nil && id.Credential == nil {
		if kind == "" {
			return azureCLI()
		}
		err = f.incompletePrincipal(reg, "none is set")
	}
	return id, err
}

func azureCLI() (AzureIdentity, error) {
	c, err := azidentity.NewAzureCLICredential(nil)
	return AzureIdentity{Credential: c, Source: "the Azure CLI (az login)"}, err
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
	switch {
	case proof == "":
		return AzureIdentity{}, nil
	case tenant == "" || client == "":
		missing := "AZURE_TENANT_ID"
		if tenant != "" {
			missing = "AZURE_CLIENT_ID"
		}
		return AzureIdentity{}, f.incompletePrincipal(reg, proof+" is set, but "+missing+" is missing")
	}
	authority, err := wire.Authority(reg, f.env("AZURE_AUTHORITY_HOST"), "AZURE_AUTHORITY_HOST",
		"the proof of an identity")
	if err != nil {
		return AzureIdentity{}, err
	}
	o := policy.ClientOptions{Transport: roundTripper{base},
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: authority.String()}}
	unknown := !wire.IsMicrosoftAuthority(authority.Host) // which Microsoft's list of clouds does not have
	id := AzureIdentity{Source: "AZURE_TENANT_ID, AZURE_CLIENT_ID and " + proof}
	switch proof {
	case "AZURE_CLIENT_SECRET":
		id.Credential, err = azidentity.NewClientSecretCredential(tenant, client, f.env(proof),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: unknown})
	case "AZURE_FEDERATED_TOKEN_FILE":
		id.Credential, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o, DisableInstanceDiscovery: unknown, TenantID: tenant, ClientID: client,
			TokenFilePath: f.env(proof)})
	default:
		id.Credential, err = f.azureCertificate(tenant, client, o, unknown)
	}
	if err != nil {
		return AzureIdentity{}, f.incompletePrincipal(reg, err.Error())
	}
	return id, nil
}

func (f *Finder) incompletePrincipal(reg acrkit.Registry, why string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "sign in to Azure", Registry: reg, Reason: why,
		Hint: sentence.Fix(sentence.SetAzurePrincipal, nil)}
}

// roundTripper is base as azcore wants it.
type roundTripper struct{ base http.RoundTripper }

func (r roundTripper) Do(req *http.Request) (*http.Response, error) { return r.base.RoundTrip(req) }

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
