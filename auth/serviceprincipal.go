package auth

import (
	"context"
	"fmt"
	"strconv"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth/internal/entra"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// Audience is the audience of the Entra tokens that are exchanged for ACR's.
type Audience string

// The audiences.
const (
	// AudienceAuto is ACR's; Azure Resource Manager's if Entra itself refuses ACR's
	// and the registry is one of Microsoft's.
	AudienceAuto Audience = ""
	// AudienceACR is https://containerregistry.azure.net in all clouds, and no other.
	AudienceACR Audience = "acr"
	// AudienceARM is Azure Resource Manager's, and no other. Such a token can do
	// far more than pull; it goes to Microsoft's registries and to loopback only.
	AudienceARM Audience = "arm"
)

// EntraOptions are the settings of a service principal. Nil means all zero.
type EntraOptions struct {
	// AuthorityHost is the https URL of the Entra authority; "" takes the one of
	// the registry's cloud. A registry on loopback has no cloud and needs it.
	AuthorityHost string
	// Audience says which audience to ask for; "" is [AudienceAuto].
	Audience Audience
}

// servicePrincipalCredential signs in to Entra by itself.
type servicePrincipalCredential struct {
	description
	tenant, client string
	secret         SecretSource
	federated      bool // the secret is an assertion
	opts           EntraOptions
}

// ServicePrincipal is an Entra application with a client secret. It asks Entra
// by the client-credentials grant, over https only, without any SDK.
func ServicePrincipal(tenantID, clientID, clientSecret string, opts *EntraOptions) Credential {
	return newServicePrincipal(tenantID, clientID, fixed(clientSecret), opts)
}

// FederatedServicePrincipal is an Entra application (or a managed identity with a
// federated credential) that proves itself by a token of another issuer which it
// trusts: workload identity. The assertion is read again for each request to
// Entra, because it lives for minutes or an hour. Two are common:
//
//	auth.SecretFile(os.Getenv("AZURE_FEDERATED_TOKEN_FILE")) // Kubernetes
//	auth.GitHubOIDC(requestURL, requestToken, "")            // GitHub Actions
//
// There is no client secret that could leak. Source: Microsoft identity
// platform, "OAuth 2.0 client credentials flow", third case; RFC 7523 §2.2.
func FederatedServicePrincipal(tenantID, clientID string, assertion SecretSource, opts *EntraOptions) Credential {
	c := newServicePrincipal(tenantID, clientID, assertion, opts)
	c.federated = true
	return c
}

func newServicePrincipal(tenantID, clientID string, secret SecretSource,
	opts *EntraOptions) *servicePrincipalCredential {
	c := &servicePrincipalCredential{description: description{KindServicePrincipal,
		fmt.Sprintf("service principal %q", clientID)},
		tenant: tenantID, client: clientID, secret: secret}
	if plainArgument.MatchString(clientID) {
		c.text = "service principal " + clientID
	}
	if opts != nil {
		c.opts = *opts
	}
	return c
}

func (c *servicePrincipalCredential) bind(t *Transport) (grant, error) {
	usage := func(reason, hint string) (grant, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
			Reason: reason, Hint: hint}
	}
	switch {
	case !entra.IsTenant(c.tenant):
		return usage("the tenant is not a GUID or a domain name", "")
	case c.client == "":
		return usage("the client id is empty", "")
	}
	if err := checkSecret("the client id", c.client); err != nil {
		return nil, err
	}
	switch secret := c.secret.(type) {
	case nil:
		return usage("the source of the assertion is nil", "")
	case *fixedSecret:
		if err := checkSecret("the secret of "+c.text, secret.value.Reveal()); err != nil {
			return nil, err
		}
	}
	u, err := wire.Authority(t.registry, c.opts.AuthorityHost, "EntraOptions.AuthorityHost", "a client secret")
	if err != nil {
		return nil, err
	}
	endpoint := entra.TokenEndpoint(u, c.tenant)
	return newEntraGrant(t, c.text, c.opts.Audience, func(ctx context.Context, scope string) (Secret, error) {
		return c.signIn(ctx, t, endpoint, scope)
	}, func(ctx context.Context) (Secret, bool) { return c.identity(ctx, t, endpoint) })
}

func (c *servicePrincipalCredential) signIn(ctx context.Context, t *Transport, endpoint, scope string) (Secret, error) {
	secret, err := c.secret.read(ctx, t)
	if err != nil {
		return Secret{}, err
	}
	form := entra.SecretForm(c.client, scope, secret)
	if c.federated {
		if err := checkSecret("the assertion of "+c.text+" from its "+c.secret.String(), secret.Reveal()); err != nil {
			return Secret{}, err
		}
		if len(secret.Reveal()) > wire.MaxToken {
			return Secret{}, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "use a credential",
				Reason: fmt.Sprintf("the assertion is longer than %d bytes", wire.MaxToken)}
		}
		form = entra.AssertionForm(c.client, scope, secret)
	}
	a, err := t.post(ctx, acrkit.Registry{}, endpoint, "get an Entra token for "+c.text, form,
		"access_token", refusedByEntra)
	if !c.federated && wire.IsGUID(secret.Reveal()) && acrkit.CauseOf(err) == cause.EntraSecretWrong {
		err = because(cause.SecretIDPasted, err)
	}
	return a.token, err
}

// identity returns what identifies a service principal, or false if its secret is not
// known.
func (c *servicePrincipalCredential) identity(ctx context.Context, t *Transport, endpoint string) (Secret, bool) {
	//rule:cache-key-identity-2
	if c.secret.costly() {
		return Secret{}, false
	}
	secret, err := c.secret.read(ctx, t)
	if err != nil {
		return Secret{}, false // signing in fails with the same error and reports it
	}
	//rule:cache-key-identity
	return joined(string(c.kind), endpoint, c.client, strconv.FormatBool(c.federated), secret.Reveal()), true
}

// Name returns the client id.
func (c *servicePrincipalCredential) Name() string { return c.client }

// joined joins texts so that different lists have different results.
func joined(parts ...string) Secret {
	s := ""
	for _, p := range parts {
		s += strconv.Quote(p)
	}
	return redact.NewSecret(s)
}
