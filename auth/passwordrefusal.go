package auth

import (
	"fmt"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

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
		e.Reason = fmt.Sprintf("the %s and its %s are not accepted: %s%s", p.pair.who, what,
			foreignToken(password), said)
	}
}

// foreignToken describes a password that is a token of another issuer.
func foreignToken(password string) string {
	const what, no = "the password is a JSON Web Token", ", and neither one of Entra nor of Azure Container Registry"
	claims, err := wire.ReadClaims(password)
	if err != nil || claims.Issuer == "" {
		return what + no
	}
	return what + " of the issuer " + wording.Quote(redact.Text(claims.Issuer)) + no
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
	case wire.IsGUID(user) && wire.IsGUID(password):
		return cause.SecretIDPasted
	case strings.Contains(said, "Application not registered with AAD"),
		strings.Contains(said, "client id must be guid"):
		return cause.UserUnknown
	}
	return ""
}
