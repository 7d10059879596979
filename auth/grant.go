package auth

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
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
	by      grant         // the grant that made it, where one stands before others
}

// sameSecrets reports whether p proves no more than other.
func (p proof) sameSecrets(other proof) bool {
	return len(p.secrets) > 0 && slices.EqualFunc(p.secrets, other.secrets, func(a, b Secret) bool { return a.Reveal() == b.Reveal() })
}

// passwordGrant is the password grant with one password or two.
type passwordGrant struct {
	t         *Transport
	who       string
	kind      Kind
	user      string
	passwords []*keptPassword
	slot      atomic.Int32 // the one to try first
}

// keptPassword is a source with the password it gave last, where that is kept.
type keptPassword struct {
	source SecretSource
	reads  flights[*Secret]
	kept   *Secret // guarded by the lock of reads
}

func (c *passwordCredential) bind(t *Transport) (grant, error) {
	if c.user == "" {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the name that goes with the password is empty"}
	}
	if err := checkSecret("the user name", c.user); err != nil {
		return nil, err
	}
	g := &passwordGrant{t: t, who: c.text, kind: c.kind, user: c.user}
	for _, source := range c.passwords {
		switch s := source.(type) {
		case nil:
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the source of the password is nil"}
		case *fixedSecret:
			if err := checkSecret("the password of "+c.text, s.value.Reveal()); err != nil {
				return nil, err
			}
		}
		k := &keptPassword{source: source}
		k.reads.init()
		g.passwords = append(g.passwords, k)
	}
	return g, nil
}

// plainArgument is what a shell takes as it stands.
var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func (g *passwordGrant) proof(ctx context.Context) (proof, error) {
	slot := g.slot.Load()
	p, err := g.passwords[slot].read(ctx, g.t)
	if err == nil {
		err = checkSecret("the password of "+g.who+" from its "+g.passwords[slot].source.String(), p.Reveal())
	}
	if err != nil {
		return proof{}, err
	}
	return proof{slot: slot, secrets: []Secret{p}, fields: url.Values{
		"grant_type": {"password"}, "username": {g.user}, "password": {p.Reveal()},
	}}, nil
}

func (k *keptPassword) read(ctx context.Context, t *Transport) (Secret, error) {
	if !k.source.costly() {
		return k.source.read(ctx, t)
	}
	p, err := k.reads.get(ctx, "", func() (*Secret, bool) { return k.kept, k.kept != nil }, func(ctx context.Context) (*Secret, error) {
		p, err := k.source.read(ctx, t)
		return &p, err
	}, func(p *Secret) { k.kept = p })
	if err != nil {
		return Secret{}, err
	}
	return *p, nil
}

func (k *keptPassword) forget(refused Secret) {
	k.reads.Lock()
	defer k.reads.Unlock()
	// Another fetch may have read a new one already.
	if k.kept != nil && k.kept.Reveal() == refused.Reveal() {
		k.kept = nil
	}
}

func (g *passwordGrant) refused(p proof) bool {
	k := g.passwords[p.slot]
	k.forget(p.secrets[0])
	if len(g.passwords) > 1 {
		// Another fetch may have changed over already.
		g.slot.CompareAndSwap(p.slot, 1-p.slot)
		return true
	}
	_, same := k.source.(*fixedSecret)
	return !same
}

func (g *passwordGrant) renew(*refreshToken) {}

func (g *passwordGrant) close() {
	for _, k := range g.passwords {
		k.reads.close()
	}
}

func (g *passwordGrant) rejected(p proof, e *acrkit.Error, said string) {
	what := "password"
	if len(g.passwords) > 1 {
		what = "two passwords"
	} else if _, same := g.passwords[p.slot].source.(*fixedSecret); !same {
		what = "password from " + g.passwords[p.slot].source.String()
	}
	e.Cause = causeOfPassword(g.user, p.secrets[0].Reveal(), said)
	facts := map[string]string{"who": g.who, "password": what, "said": said}
	key := sentence.NotAccepted
	if g.kind == KindAdminUser {
		key = sentence.AdminNotAccepted
	}
	if g.t.registry.IsACR() && plainArgument.MatchString(g.user) { // what az can be asked for
		facts["name"] = g.t.registry.Name()
		if g.kind == KindScopedToken {
			facts["token"] = g.user
		}
	}
	e.Reason, e.Hint = sentence.Say(key, facts)
}

// causeOfPassword returns what the form of a refused password, or the service's own
// text, tells of the cause; "" is what the service keeps to itself. Source of the
// texts: users' reports with the raw answer.
func causeOfPassword(user, password, said string) acrkit.Cause {
	_, err := wire.ReadClaims(password)
	switch {
	case err == nil:
		return cause.TokenAsPassword
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
		if claims.GrantType == "access_token" {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the token is an ACR access token, good for one scope, and not an ACR refresh token"}
		}
		if other := otherRegistry(claims, t.registry); other != "" {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Cause: cause.WrongRegistryToken, Op: "use a credential", Registry: t.registry, Reason: "the ACR refresh token is for another registry, " + other}
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
