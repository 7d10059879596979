package auth

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// grant is a credential bound to a registry: what it puts into a request to
// /oauth2/token.
type grant interface {
	// proof returns the fields that authenticate a token request.
	proof(ctx context.Context) (proof, error)
	// refused is called when the token service did not accept p, and reports whether
	// another proof may be accepted.
	refused(p proof) bool
	// renew makes the next proof come from the root credential, and not from p's
	// refresh token.
	renew(root *refreshToken)
	// rejected sets reason and hint of e, the error for the refusal of p. said is the
	// service's own text.
	rejected(p proof, e *acrkit.Error, said string)
	// close ends background work.
	close()
}

// proof is one set of fields, with the secrets in it.
type proof struct {
	fields  url.Values
	secrets []Secret
	slot    int32         // which of two passwords, of a passwordGrant
	root    *refreshToken // the refresh token, where it has one
	fresh   bool          // the refresh token was made for this proof
	pair    *boundPair    // what a passwordGrant made it from
	by      grant         // the grant that made it, if a dockerGrant chose one
}

// equal reports whether p and other have the same fields. The name counts: two tokens
// may have the same password.
func (p proof) equal(other proof) bool {
	return len(p.secrets) > 0 && p.fields.Encode() == other.fields.Encode()
}

// plainArgument matches what needs no quotes in a shell.
var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func (g *passwordGrant) rejected(p proof, e *acrkit.Error, said string) {
	source := g.slots[p.slot].source
	_, same := fixedPair(source)
	if p.pair.token != nil {
		p.pair.token.rejected(p, e, said)
		if !same {
			e.Reason += "; it is from " + source.String()
		}
		return
	}
	what := "password"
	if len(g.slots) > 1 {
		what = "two passwords"
	} else if !same {
		what = "password from " + source.String()
	}
	user, password := p.pair.pair.user, p.pair.pair.secret.Reveal()
	e.Cause = causeOfPassword(user, password, said)
	facts := map[string]string{"who": p.pair.who, "password": what, "said": said}
	key := sentence.NotAccepted
	if g.given.kind == KindAdminUser {
		key = sentence.AdminNotAccepted
	}
	if g.t.registry.IsACR() && plainArgument.MatchString(user) { // az can show and change these
		facts["name"] = g.t.registry.Name()
		if g.given.kind == KindScopedToken {
			facts["token"] = user
		}
	}
	e.Reason, e.Hint = sentence.Say(key, facts)
	if e.Cause == cause.TokenAsPassword {
		e.Reason = fmt.Sprintf("the %s and its %s are not accepted: %s%s", p.pair.who, what, foreignToken(password), said)
	}
}

// foreignToken describes a password that is a token of another issuer.
func foreignToken(password string) string {
	const what, no = "the password is a JSON Web Token", ", and neither one of Entra nor of Azure Container Registry"
	claims, err := wire.ReadClaims(password)
	if err != nil || claims.Issuer == "" {
		return what + no
	}
	return what + " of the issuer " + clipQuote(redact.Text(claims.Issuer)) + no
}

// causeOfPassword returns the cause of a refusal by the form of the password or the
// service's own text; "" if neither shows it. Source of the texts: users' reports with
// the raw answer.
func causeOfPassword(user, password, said string) acrkit.Cause {
	_, err := wire.ReadClaims(password)
	switch {
	case err == nil:
		return cause.TokenAsPassword
	case wire.Damage(password) != "":
		return cause.TokenMalformed
	case fullGUID(user) && fullGUID(password):
		return cause.SecretIDPasted
	case strings.Contains(said, "Application not registered with AAD"), strings.Contains(said, "client id must be guid"):
		return cause.UserUnknown
	}
	return ""
}

// fullGUID reports whether s is a GUID and nothing else: the form of an
// application's id and of a secret's id, and never of a secret's value.
func fullGUID(s string) bool { return len(s) == 36 && guid.MatchString(s) }

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
		if claims.IsAccessToken() {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the token is an ACR access token, good for one scope, and not an ACR refresh token"}
		}
		if other := otherRegistry(claims, t.registry); other != "" {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Cause: cause.WrongRegistryToken, Op: "use a credential", Registry: t.registry, Reason: "the ACR refresh token is for another registry, " + other}
		}
	}
	return &staticGrant{c.token}, nil
}

// otherRegistry returns the audience of a token that names other registries of
// ACR and not this one.
func otherRegistry(c wire.Claims, reg acrkit.Registry) string {
	other := ""
	for _, a := range c.Audience {
		aud, err := acrkit.ParseRegistry(a)
		if err != nil || !aud.IsACR() || !reg.IsACR() || aud.LoginServer() == reg.LoginServer() {
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
	e.Hint = sentence.Fix(sentence.GetNewToken, nil)
	claims, err := wire.ReadClaims(g.token.Reveal())
	damage := wire.Damage(g.token.Reveal())
	switch {
	case err == nil && !claims.IsACR() && claims.Issuer != "":
		e.Cause = cause.TokenAsPassword
		e.Reason = fmt.Sprintf("the ACR refresh token is not accepted: it is a token of the issuer %s, and not of Azure Container Registry%s",
			clipQuote(redact.Text(claims.Issuer)), said)
	case damage != "":
		e.Cause = cause.TokenMalformed
		e.Reason, e.Hint = sentence.Say(sentence.TokenDamaged, map[string]string{"damage": damage, "said": said})
	}
}

func refreshProof(token Secret) proof {
	return proof{secrets: []Secret{token}, fields: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.Reveal()}}}
}
