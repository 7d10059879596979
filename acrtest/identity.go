package acrtest

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/scopemap"
)

// TenantID is the tenant of the service principals that [Registry.ServicePrincipal]
// makes.
const TenantID = "11111111-1111-1111-1111-111111111111"

// Token is a scope-mapped token with its two passwords.
type Token struct {
	Name      string
	Password1 string
	Password2 string
}

// Credential returns the credential of name and first password.
func (t Token) Credential() auth.Credential { return auth.ScopedToken(t.Name, t.Password1) }

// Pair returns the credential of name and both passwords, which goes on while one of them
// is regenerated. A refused password costs it one more token request.
func (t Token) Pair() auth.Credential {
	return auth.ScopedTokenPair(t.Name, t.Password1, t.Password2)
}

// String names the token without its passwords.
func (t Token) String() string { return fmt.Sprintf("token %q", t.Name) }

// GoString is the same as String.
func (t Token) GoString() string { return t.String() }

// ScopeMap makes or replaces a scope map of the given lines, such as
// repositories/samples/*/content/read. Tokens that have it have its new rights with
// the next access token.
func (r *Registry) ScopeMap(name string, actions ...string) {
	r.tb.Helper()
	m, err := scopemap.Parse(actions)
	if err != nil {
		r.tb.Fatalf("acrtest: scope map %q: %v", name, err)
	}
	m.Name = name
	if err := r.reg.PutScopeMap(r.tb.Context(), m); err != nil {
		r.tb.Fatalf("acrtest: scope map %q: %v", name, err)
	}
}

// Token makes a token with a scope map of the same name and the given lines, and
// two new passwords.
func (r *Registry) Token(name string, actions ...string) Token {
	r.tb.Helper()
	r.ScopeMap(name, actions...)
	return r.TokenOf(name, name)
}

// TokenOf makes a token with a scope map that is there: one made before, or one of
// the five that every registry has, such as _repositories_pull_metadata_read.
func (r *Registry) TokenOf(name, scopeMap string) Token {
	r.tb.Helper()
	ctx := r.tb.Context()
	if err := r.reg.PutToken(ctx, emulator.TokenSpec{Name: name, ScopeMap: scopeMap}); err != nil {
		r.tb.Fatalf("acrtest: token %q: %v", name, err)
	}
	p, err := r.reg.GeneratePasswords(ctx, name, time.Time{})
	if err != nil {
		r.tb.Fatalf("acrtest: passwords of token %q: %v", name, err)
	}
	t := Token{Name: name}
	for _, p := range p {
		switch p.Name {
		case "password1":
			t.Password1 = string(p.Value)
		case "password2":
			t.Password2 = string(p.Value)
		}
	}
	return t
}

// ServicePrincipal is an Entra application with a client secret.
type ServicePrincipal struct {
	TenantID, ClientID, ClientSecret string
	r                                *Registry
}

// ServicePrincipal makes a service principal with the given roles on the registry,
// such as AcrPull.
func (r *Registry) ServicePrincipal(roles ...string) ServicePrincipal {
	r.tb.Helper()
	ctx := r.tb.Context()
	p := ServicePrincipal{TenantID: TenantID, ClientID: guid.New(), ClientSecret: rand.Text(), r: r}
	err := r.em.PutApplication(ctx, p.TenantID, seed.Application{ClientID: p.ClientID, DisplayName: "acrtest",
		Secrets: []seed.ClientSecret{{Value: seed.Secret(p.ClientSecret)}}})
	if err != nil {
		r.tb.Fatalf("acrtest: service principal: %v", err)
	}
	for _, role := range roles {
		if err := r.reg.AssignRole(ctx, seed.RoleAssignment{ClientID: p.ClientID, Role: role}); err != nil {
			r.tb.Fatalf("acrtest: role %q: %v", role, err)
		}
	}
	return p
}

// CustomRole makes a service principal with a custom role on the registry: actions of Azure
// Resource Manager, such as Microsoft.ContainerRegistry/registries/read. It shows whether a
// program needs more than the role that you write for it.
func (r *Registry) CustomRole(actions ...string) ServicePrincipal {
	r.tb.Helper()
	d := seed.RoleDefinition{Name: "acrtest " + rand.Text(), Actions: actions}
	if err := r.em.PutRoleDefinition(r.tb.Context(), d); err != nil {
		r.tb.Fatalf("acrtest: custom role: %v", err)
	}
	return r.ServicePrincipal(d.Name)
}

// String names the service principal without its secret.
func (p ServicePrincipal) String() string { return "service principal " + p.ClientID }

// GoString is the same as String.
func (p ServicePrincipal) GoString() string { return p.String() }

// Credential returns the credential of package auth, which needs no SDK.
func (p ServicePrincipal) Credential() auth.Credential {
	return auth.ServicePrincipal(p.TenantID, p.ClientID, p.ClientSecret,
		&auth.EntraOptions{AuthorityHost: p.r.AuthorityHost()})
}

// AzureCredential returns azidentity's ClientSecretCredential.
func (p ServicePrincipal) AzureCredential() azcore.TokenCredential {
	p.r.tb.Helper()
	c, err := azidentity.NewClientSecretCredential(p.TenantID, p.ClientID, p.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions: p.r.AzureOptions(), DisableInstanceDiscovery: true})
	if err != nil {
		p.r.tb.Fatalf("acrtest: %v", err)
	}
	return c
}
