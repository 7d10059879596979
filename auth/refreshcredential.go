package auth

import (
	"context"
	"fmt"
	"net/url"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

type refreshCredential struct {
	description
	token Secret
}

// RefreshToken is an ACR refresh token, as `az acr login --expose-token` prints
// it (under the name accessToken). It lives three hours and cannot be renewed
// from itself.
func RefreshToken(acrRefreshToken string) Credential {
	return &refreshCredential{description{KindRefreshToken, "ACR refresh token"}, redact.NewSecret(acrRefreshToken)}
}

// staticGrant is the refresh-token grant with a token that cannot be renewed.
type staticGrant struct{ token Secret }

func (c *refreshCredential) bind(t *Transport) (grant, error) {
	value := c.token.Reveal()
	if err := checkSecret("the ACR refresh token", value); err != nil {
		return nil, err
	}
	if len(value) > wire.MaxToken {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "use a credential", Registry: t.registry,
			Reason: fmt.Sprintf("the ACR refresh token is longer than %d bytes", wire.MaxToken)}
	}
	claims, err := wire.ReadClaims(value)
	if err == nil && claims.IsACR() {
		//rule:password-token-bind
		if claims.IsAccessToken() {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
				Reason: "the token is an ACR access token, good for one scope, and not an ACR refresh token"}
		}
		if other := otherRegistry(claims, t.registry); other != "" {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Cause: cause.WrongRegistryToken,
				Op: "use a credential", Registry: t.registry,
				Reason: "the ACR refresh token is for another registry, " + other}
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
		//rule:regional-other-registry
		if err != nil || !aud.IsACR() || !reg.IsACR() || aud.LoginServer() == reg.LoginServer() {
			return ""
		}
		other = aud.Host()
	}
	return other
}

func (g *staticGrant) proof(context.Context) (proof, error) { return refreshProof(g.token), nil }

func (g *staticGrant) refused(proof) bool { return false }

func (g *staticGrant) renew(*refreshToken) {}

func (g *staticGrant) close() {}

func (g *staticGrant) rejected(_ proof, e *acrkit.Error, said string) {
	e.Reason = "the ACR refresh token is not accepted: wrong, expired, or of another registry" + said
	e.Hint = sentence.Fix(sentence.GetNewToken, nil)
	claims, err := wire.ReadClaims(g.token.Reveal())
	damage := wire.Damage(g.token.Reveal())
	switch {
	case err == nil && !claims.IsACR() && claims.Issuer != "":
		e.Cause = cause.TokenAsPassword
		e.Reason = fmt.Sprintf(
			"the ACR refresh token is not accepted: it is a token of the issuer %s, and not of Azure Container "+
				"Registry%s",
			wording.Quote(redact.Text(claims.Issuer)), said)
	case damage != "":
		e.Cause = cause.TokenMalformed
		e.Reason, e.Hint = sentence.Say(sentence.TokenDamaged, map[string]string{"damage": damage, "said": said})
	}
}

func refreshProof(token Secret) proof {
	return proof{secrets: []Secret{token}, fields: url.Values{"grant_type": {"refresh_token"},
		"refresh_token": {token.Reveal()}}}
}

func (g *staticGrant) fillStatus(s *Status) {
	if claims, err := wire.ReadClaims(g.token.Reveal()); err == nil {
		s.RefreshTokenExpires = claims.Expires
	}
}
