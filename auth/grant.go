package auth

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"sync/atomic"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// grant is a credential bound to a registry: what it puts into a request to
// /oauth2/token.
type grant interface {
	// proof returns the fields that prove who asks.
	proof(ctx context.Context) (proof, error)
	// refused is told that the token service did not accept p, and reports whether
	// asking for another proof may help.
	refused(p proof) bool
	// renew makes the next proof come from the root credential, and not from p's
	// refresh token.
	renew(root *refreshToken)
	// rejected words the refusal of p for a person.
	rejected(p proof, e *acrkit.Error, said string)
	// close ends background work.
	close()
}

// proof is one set of fields, with the secrets in it.
type proof struct {
	fields  url.Values
	secrets []Secret
	slot    int32         // which of two passwords
	root    *refreshToken // the refresh token, where it has one
	fresh   bool          // the refresh token was made for this proof
}

// passwordGrant is the password grant with one password or two.
type passwordGrant struct {
	who       string
	user      string
	passwords []Secret
	slot      atomic.Int32 // the one to try first
	hint      string
}

func (c *passwordCredential) bind(t *Transport) (grant, error) {
	if c.user == "" {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the name that goes with the password is empty"}
	}
	if err := checkSecret("the user name", c.user); err != nil {
		return nil, err
	}
	for _, p := range c.passwords {
		if err := checkSecret("the password of "+c.text, p.Reveal()); err != nil {
			return nil, err
		}
	}
	g := &passwordGrant{who: c.text, user: c.user, passwords: c.passwords}
	if c.kind == KindScopedToken && t.registry.IsACR() && plainArgument.MatchString(c.user) {
		g.hint = fmt.Sprintf("see the token's status and its passwords' expiry: az acr token show --registry %s --name %s", t.registry.Name(), c.user)
	}
	return g, nil
}

// plainArgument is what a shell takes as it stands.
var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func (g *passwordGrant) proof(context.Context) (proof, error) {
	slot := g.slot.Load()
	p := g.passwords[slot]
	return proof{slot: slot, secrets: []Secret{p}, fields: url.Values{
		"grant_type": {"password"}, "username": {g.user}, "password": {p.Reveal()},
	}}, nil
}

func (g *passwordGrant) refused(p proof) bool {
	if len(g.passwords) < 2 {
		return false
	}
	// Another fetch may have changed over already.
	g.slot.CompareAndSwap(p.slot, 1-p.slot)
	return true
}

func (g *passwordGrant) renew(*refreshToken) {}
func (g *passwordGrant) close()              {}

func (g *passwordGrant) rejected(_ proof, e *acrkit.Error, said string) {
	what := "password"
	if len(g.passwords) > 1 {
		what = "two passwords"
	}
	e.Reason = fmt.Sprintf("the %s and its %s are not accepted: wrong, expired, disabled or not yet active%s", g.who, what, said)
	e.Hint = g.hint
}

// anonymousGrant is the password grant without user and password (recorded).
type anonymousGrant struct{}

func (c *anonymousCredential) bind(*Transport) (grant, error) { return anonymousGrant{}, nil }

func (anonymousGrant) proof(context.Context) (proof, error) {
	return proof{fields: url.Values{"grant_type": {"password"}}}, nil
}
func (anonymousGrant) refused(proof) bool  { return false }
func (anonymousGrant) renew(*refreshToken) {}
func (anonymousGrant) close()              {}
func (anonymousGrant) rejected(_ proof, e *acrkit.Error, said string) {
	e.Code = acrkit.CodeCredentialMissing
	e.Reason = "the registry does not answer without a credential, and none was given" + said
}

// staticGrant is the refresh-token grant with a token that cannot be renewed.
type staticGrant struct{ token Secret }

func (c *refreshCredential) bind(t *Transport) (grant, error) {
	value := c.token.Reveal()
	if err := checkSecret("the ACR refresh token", value); err != nil {
		return nil, err
	}
	if len(value) > wire.MaxToken {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "use a credential", Registry: t.registry, Reason: fmt.Sprintf("the ACR refresh token is longer than %d bytes", wire.MaxToken)}
	}
	claims, err := wire.ReadClaims(value)
	if err == nil && claims.IsACR() {
		if claims.GrantType == "access_token" {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the token is an ACR access token, good for one scope, and not an ACR refresh token"}
		}
		if other := otherRegistry(claims, t.registry); other != "" {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Op: "use a credential", Registry: t.registry, Reason: "the ACR refresh token is for another registry, " + other}
		}
	}
	return &staticGrant{c.token}, nil
}

// otherRegistry returns the audience of a token that names other registries of
// ACR and not this one. Regional endpoints share their registry's name.
func otherRegistry(c wire.Claims, reg acrkit.Registry) string {
	other := ""
	for _, a := range c.Audience {
		aud, err := acrkit.ParseRegistry(a)
		if err != nil || !aud.IsACR() || !reg.IsACR() || aud.Name() == reg.Name() {
			return ""
		}
		other = aud.Host()
	}
	return other
}

func (g *staticGrant) proof(context.Context) (proof, error) { return refreshProof(g.token), nil }
func (g *staticGrant) refused(proof) bool                   { return false }
func (g *staticGrant) renew(*refreshToken)                  {}
func (g *staticGrant) close()                               {}
func (g *staticGrant) rejected(_ proof, e *acrkit.Error, said string) {
	e.Reason = "the ACR refresh token is not accepted: wrong, expired, or of another registry" + said
	e.Hint = "an ACR refresh token lives three hours; get a new one"
}

func refreshProof(token Secret) proof {
	return proof{secrets: []Secret{token}, fields: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.Reveal()}}}
}
