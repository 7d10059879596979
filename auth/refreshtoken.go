package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// RefreshToken returns the ACR refresh token of a credential that has one: an Entra
// identity's, which is exchanged if there is none yet, or the one that was given. Its
// Requested is empty and Granted nil: it has all rights of the credential. Expires is
// zero if it is not known.
//
// It is for a program that cannot renew it. A token that has passed 80 % of its life is
// therefore renewed first; if that fails, it is returned while it is valid. Concurrent
// calls and requests share one exchange.
//
// A name and password have none, and neither has [Anonymous]: an error with
// [acrkit.CodeUsage]. Of credentials by repository it is that of the prefix "".
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

// errNoRefreshToken is the error for a grant of a name and password, or of [Anonymous].
var errNoRefreshToken = errors.New("the credential has no refresh token")

// refreshTokenOf returns the refresh token of a grant; a chain or a Docker configuration
// first chooses its credential.
func refreshTokenOf(ctx context.Context, g grant) (Token, error) {
	switch g := g.(type) {
	case *entraGrant:
		r, err := g.renewedToken(ctx)
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
