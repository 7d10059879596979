package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// RefreshToken returns the ACR refresh token of a credential that has one: an Entra
// identity's, which is exchanged for where there is none, or the one that was
// given. Its Requested is empty and Granted nil: it opens everything that the
// credential may do. Expires is zero where it is not known.
//
// It is for handing on to a program that cannot renew it. One that has passed 80 %
// of its life is therefore renewed first; where that fails, it is returned as long
// as it lives. Calls at once share one exchange, also with requests.
//
// A name and password have none, and neither has nobody: an error with
// [acrkit.CodeUsage]. Of credentials by repository it is the one for the rest.
func (t *Transport) RefreshToken(ctx context.Context) (Token, error) {
	if t.parts != nil {
		p, err := t.partFor("")
		if err != nil {
			return Token{}, err
		}
		return p.RefreshToken(ctx)
	}
	token, err := refreshTokenOf(ctx, t.grant)
	switch {
	case errors.Is(err, errNoRefreshToken):
		err = &acrkit.Error{Code: acrkit.CodeUsage, Op: opRefreshToken, Registry: t.registry, Reason: fmt.Sprintf("the credential (%s) has none", t.status().Credential)}
	case errors.Is(err, errClosed):
		err = &acrkit.Error{Code: acrkit.CodeUsage, Op: opRefreshToken, Registry: t.registry, Reason: errClosed.Error()}
	}
	return token, err
}

const opRefreshToken = "get an ACR refresh token" //nolint:gosec // words of an error

// errNoRefreshToken says that a grant is one of a name and password, or nobody's.
var errNoRefreshToken = errors.New("the credential has no refresh token")

// refreshTokenOf returns the refresh token of a grant, once those that settle for
// another have done so.
func refreshTokenOf(ctx context.Context, g grant) (Token, error) {
	switch g := g.(type) {
	case *entraGrant:
		r, err := g.handOn(ctx)
		if err != nil {
			return Token{}, err
		}
		return Token{Value: r.token, Expires: r.ends(), Audience: r.audience}, nil
	case *staticGrant:
		token := Token{Value: g.token}
		if claims, err := wire.ReadClaims(g.token.Reveal()); err == nil {
			token.Expires = claims.Expires
		}
		return token, nil
	case *chainGrant:
		if _, err := g.proof(ctx); err != nil {
			return Token{}, err
		}
		return refreshTokenOf(ctx, g.current().grant)
	case *passwordGrant:
		p, err := g.proof(ctx)
		if err != nil {
			return Token{}, err
		}
		if p.pair.token != nil {
			return refreshTokenOf(ctx, p.pair.token)
		}
	case *dockerGrant:
		p, err := g.proof(ctx)
		if err != nil {
			return Token{}, err
		}
		if f, ok := p.by.(*dockerFound); ok {
			return refreshTokenOf(ctx, f.grant)
		}
	}
	return Token{}, errNoRefreshToken
}

// handOn returns the refresh token with most of its life before it, if it can be
// had.
func (g *entraGrant) handOn(ctx context.Context) (*refreshToken, error) {
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
