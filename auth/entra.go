package auth

import (
	"fmt"

	"github.com/acrkit/acrkit/internal/redact"
)

// Audience is the audience of the Entra tokens that are exchanged for ACR's.
type Audience string

// The audiences.
const (
	AudienceAuto Audience = ""    // ACR's; ARM's if Entra refuses ACR's and the registry is Microsoft's
	AudienceACR  Audience = "acr" // https://containerregistry.azure.net, alone
	AudienceARM  Audience = "arm" // Azure Resource Manager's, alone; only to Microsoft's registries and loopback
)

// EntraOptions are the settings of a service principal. Nil means all zero.
type EntraOptions struct {
	// AuthorityHost is the https URL of the Entra authority; "" takes the one of
	// the registry's cloud. A registry on loopback has no cloud and needs it.
	AuthorityHost string
	// Audience says which audience to ask for.
	Audience Audience
}

// servicePrincipalCredential signs in to Entra by itself.
type servicePrincipalCredential struct {
	description
	tenant, client string
	secret         Secret
	opts           EntraOptions
}

// ServicePrincipal is an Entra application with a client secret. It asks Entra
// by the client-credentials grant, over https only, without any SDK.
func ServicePrincipal(tenantID, clientID, clientSecret string, opts *EntraOptions) Credential {
	c := &servicePrincipalCredential{description: description{KindServicePrincipal, fmt.Sprintf("service principal %s", clientID)},
		tenant: tenantID, client: clientID, secret: redact.NewSecret(clientSecret)}
	if opts != nil {
		c.opts = *opts
	}
	return c
}

// EntraRefusal is Entra's refusal of a sign-in, as the cause of an error.
type EntraRefusal struct {
	Number        int    // of AADSTS7000215; 0 if unknown
	OAuthError    string // "invalid_client"
	CorrelationID string
}

// Error returns the number and what it means, in plain words.
func (r EntraRefusal) Error() string { return fmt.Sprintf("AADSTS%d", r.Number) }
