package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth/internal/entra"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// entraGrant exchanges Entra tokens for ACR refresh tokens, of which it keeps
// one.
type entraGrant struct {
	t        *Transport
	who      string
	audience Audience
	sign     func(ctx context.Context, scope string) (Secret, error)
	identity func(ctx context.Context) (Secret, bool) // identifies who signs in; nil = not known

	fetches flights[*refreshToken]
	current *refreshToken // guarded by the lock of fetches
	useARM  bool          // Entra has refused ACR's audience; guarded likewise
}

func newEntraGrant(t *Transport, who string, audience Audience, sign func(context.Context, string) (Secret, error),
	identity func(context.Context) (Secret, bool)) (grant, error) {
	switch audience {
	case AudienceAuto, AudienceACR:
	case AudienceARM:
		if !entra.MayHoldManagementToken(t.registry) {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Op: "use a credential", Registry: t.registry,
				Reason: "a token for Azure Resource Manager is sent to Microsoft's registries only"}
		}
	default:
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
			Reason: fmt.Sprintf("%q is not an audience", audience)}
	}
	g := &entraGrant{t: t, who: who, audience: audience, sign: sign, identity: identity}
	g.fetches.init()
	return g, nil
}

func (g *entraGrant) proof(ctx context.Context) (proof, error) {
	fresh := false
	keep := func(r *refreshToken) { g.current = r }
	r, err := g.fetches.get(ctx, "", func() (*refreshToken, bool) {
		if g.current != nil && g.current.life.alive(g.t.now()) {
			return g.current, true
		}
		fresh = true
		return nil, false
	}, g.fetch, keep)
	if err != nil {
		return proof{}, err
	}
	if now := g.t.now(); r.life.due(now) {
		g.fetches.renew(ctx, "", func() bool { return g.current == r && !now.Before(r.retryAt) }, g.fetch, keep,
			func(err error) {
				r.retryAt = g.t.now().Add(renewalPause)
				g.t.log.WarnContext(ctx, "renewal of the ACR refresh token failed", "error", err)
			})
	}
	p := refreshProof(r.token)
	p.root, p.fresh = r, fresh && !r.loaded
	return p, nil
}

func (g *entraGrant) refused(p proof) bool {
	g.renew(p.root)
	return !p.fresh
}

func (g *entraGrant) renew(root *refreshToken) {
	g.fetches.Lock()
	defer g.fetches.Unlock()
	if g.current == root {
		g.current = nil
	}
}

// describe names the Entra token for messages.
func (g *entraGrant) describe() string {
	if g.who == entraTokenText {
		return g.who
	}
	return "Entra token of " + g.who
}

func (g *entraGrant) close() { g.fetches.close() }

func (g *entraGrant) rejected(_ proof, e *acrkit.Error, said string) {
	e.Reason = "the ACR refresh token made from the " + g.describe() + " is not accepted" + said
}

// exchange gets an Entra token and exchanges it for an ACR refresh token.
func (g *entraGrant) exchange(ctx context.Context) (*refreshToken, error) {
	token, audience, err := g.signIn(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkEntraToken(g.t, token); err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {g.t.service()}, "access_token": {token.Reveal()}}
	a, err := g.t.post(ctx, g.t.registry, g.t.origin()+"/oauth2/exchange", "exchange the "+g.describe(), form,
		"refresh_token",
		//nolint:bodyclose // there is no response yet; post closes it
		g.t.refusedByRegistry([]Secret{token}, func(e *acrkit.Error, said string) {
			g.exchangeRefused(e, said, token, audience)
		}))
	if err != nil {
		return nil, err
	}
	claims, _ := wire.ReadClaims(token.Reveal()) // zero where it cannot be read
	return &refreshToken{answered: a, audience: audience, entraExpires: claims.Expires}, nil
}

// exchangeRefused completes the error for a token that the registry does not exchange.
func (g *entraGrant) exchangeRefused(e *acrkit.Error, said string, token Secret, audience string) {
	e.Reason = fmt.Sprintf("the registry does not accept the %s (audience %s)%s", g.describe(), audience, said)
	claims, err := wire.ReadClaims(token.Reveal())
	e.Cause = cause.ExchangeRefused
	switch {
	case err == nil && !claims.Expires.IsZero() && claims.Expires.Before(g.t.now()):
		e.Cause = cause.TokenEnded
		e.Reason += fmt.Sprintf("; by this machine's clock it expired at %s", claims.Expires.UTC().Format(time.RFC3339))
	case strings.Contains(said, "arm aad token disallowed"), strings.Contains(said, "token validation failed") &&
		err == nil && claims.IsResourceManager():
		e.Cause = cause.ARMAudienceDisabled
		e.Hint = sentence.Fix(sentence.AskForRegistriesNotARM, nil)
	case err == nil && claims.IsOfOtherCloud(g.t.registry):
		e.Cause = cause.OtherCloud
		e.Reason += "; the token is for Azure Resource Manager of another cloud than the registry's"
		e.Hint = sentence.Fix(sentence.AskForRegistriesInAllClouds, nil)
	case err == nil && !claims.IsForRegistries() && !claims.IsResourceManager() && !entra.HasGUID(audience):
		e.Reason += "; its issuer is " + wording.Quote(redact.Text(claims.Issuer))
		e.Hint = sentence.Fix(sentence.AskForRegistries, nil)
	default:
		e.Hint = sentence.Fix(sentence.CheckTenant, nil)
	}
}

// signIn returns an Entra token and its audience. It asks for ARM's audience only if
// Entra refuses ACR's, and only for Microsoft's registries.
func (g *entraGrant) signIn(ctx context.Context) (Secret, string, error) {
	armScope := entra.ManagementScope(g.t.registry)
	g.fetches.Lock()
	useARM := g.useARM || g.audience == AudienceARM
	g.fetches.Unlock()
	if !useARM {
		token, err := g.sign(ctx, entra.RegistryScope)
		if err == nil {
			return token, entra.AudienceOf(token, entra.RegistryScope), nil
		}
		refusal, ok := errors.AsType[EntraRefusal](err)
		if !ok || !entra.Refusal(refusal).OfAudience() || g.audience != AudienceAuto || !g.t.registry.IsACR() {
			return Secret{}, "", err
		}
		g.t.log.WarnContext(ctx,
			"Entra refuses the audience of Azure Container Registry; asking for that of Azure Resource Manager",
			"error", err)
	}
	token, err := g.sign(ctx, armScope)
	if err != nil {
		return Secret{}, "", err
	}
	g.fetches.Lock()
	g.useARM = true
	g.fetches.Unlock()
	return token, entra.AudienceOf(token, armScope), nil
}

func (g *entraGrant) fillStatus(s *Status) {
	g.fetches.Lock()
	defer g.fetches.Unlock()
	if g.current != nil {
		s.RefreshTokenExpires, s.EntraTokenExpires = g.current.ends(), g.current.entraExpires
	}
}

// renewedToken returns the refresh token, renewed if it is due.
func (g *entraGrant) renewedToken(ctx context.Context) (*refreshToken, error) {
	var old *refreshToken
	r, err := g.fetches.get(ctx, "", func() (*refreshToken, bool) {
		now := g.t.now()
		if g.current == nil || !g.current.life.alive(now) {
			return nil, false
		}
		old = g.current
		return old, !old.life.due(now) || now.Before(old.retryAt)
	}, g.fetch, func(r *refreshToken) { g.current = r })
	if err == nil || old == nil || ctx.Err() != nil || !old.life.alive(g.t.now()) {
		return r, err
	}
	g.fetches.Lock()
	old.retryAt = g.t.now().Add(renewalPause)
	g.fetches.Unlock()
	g.t.log.WarnContext(ctx, "renewal of the ACR refresh token failed", "error", err)
	return old, nil
}

// fetch returns a refresh token from the store or by an exchange.
func (g *entraGrant) fetch(ctx context.Context) (*refreshToken, error) {
	key := g.tokenKey(ctx)
	return keptOr(ctx, g.t, key, func(s StoredToken, l life) (*refreshToken, bool) {
		claims, _ := wire.ReadClaims(s.Value.Reveal()) // a token is opaque
		return &refreshToken{answered: answered{token: s.Value, claims: claims, life: l, received: l.from},
			audience: s.Audience, key: key, loaded: true}, true
	}, func(ctx context.Context) (*refreshToken, error) {
		r, err := g.exchange(ctx)
		// A file with the secret may have changed since; the token then belongs to an
		// identity that is not in the key.
		if err == nil && !key.isZero() && g.tokenKey(ctx).Sum(nil) == key.Sum(nil) {
			r.key = key
		}
		return r, err
	}, func(r *refreshToken) (StoredToken, bool) {
		return newStoredToken(r.token, r.life, r.audience), !r.key.isZero()
	})
}

// tokenKey is the key of the refresh token; zero where none is kept.
func (g *entraGrant) tokenKey(ctx context.Context) TokenKey {
	if g.t.keeper == nil || g.identity == nil {
		return TokenKey{}
	}
	identity, ok := g.identity(ctx)
	if !ok {
		return TokenKey{}
	}
	return g.t.newTokenKey("refresh token", joined(string(g.audience), identity.Reveal()), acrkit.Scope{})
}
