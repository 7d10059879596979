// Package entra has what package auth knows of Entra, Microsoft's identity provider: the
// requests for a token, the answers, and the numbers of its refusals. It sends nothing.
package entra

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// RegistryScope asks Entra for a token for Azure Container Registry; the same in all
// clouds.
const RegistryScope = "https://containerregistry.azure.net/.default"

// ManagementScope returns the scope of a token for Azure Resource Manager in the cloud of a
// registry.
func ManagementScope(reg acrkit.Registry) string { return wire.CloudOf(reg).ARM }

// tenantName is what Entra takes for a tenant in a path: a GUID or a domain.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)

// IsTenant reports whether s can be a tenant: a GUID or a domain name.
func IsTenant(s string) bool { return tenantName.MatchString(s) }

// TokenEndpoint returns the token endpoint of a tenant.
func TokenEndpoint(authority *url.URL, tenant string) string {
	return authority.JoinPath(tenant, "oauth2/v2.0/token").String()
}

// SecretForm returns the fields of a token request with a client secret (RFC 6749 §4.4).
func SecretForm(client, scope string, secret redact.Secret) url.Values {
	form := clientForm(client, scope)
	form.Set("client_secret", secret.Reveal())
	return form
}

// AssertionForm returns the fields of a token request with the token of another issuer
// (RFC 7523 §2.2).
func AssertionForm(client, scope string, assertion redact.Secret) url.Values {
	form := clientForm(client, scope)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion.Reveal())
	return form
}

func clientForm(client, scope string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "scope": {scope}}
}

// AudienceOf returns the audience in a token, or the one that was asked for where it
// cannot be read.
func AudienceOf(token redact.Secret, scope string) string {
	if claims, err := wire.ReadClaims(token.Reveal()); err == nil && len(claims.Audience) == 1 {
		return claims.Audience[0]
	}
	return strings.TrimSuffix(scope, "/.default")
}

// MayHoldManagementToken reports whether a token for Azure Resource Manager may be sent to
// a registry: to one of Microsoft's, or on loopback.
func MayHoldManagementToken(reg acrkit.Registry) bool { return reg.IsACR() || reg.IsLoopback() }
