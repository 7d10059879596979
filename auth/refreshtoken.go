package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

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
		err = &acrkit.Error{Code: acrkit.CodeUsage, Op: opRefreshToken, Registry: t.registry,
			Reason: fmt.Sprintf("the credential (%s) has none", t.status().Credential)}
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
		//rule:password-token-refresh-token-of
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

// refreshToken is an ACR refresh token that was exchanged for an Entra token.
type refreshToken struct {
	answered
	audience     string    // of the Entra token
	entraExpires time.Time // its end, by its own claim; zero if it has none
	retryAt      time.Time // guarded by the grant's lock
	key          TokenKey  // in the store of tokens; zero where it is not kept
	loaded       bool      // it came from there
}

// ends is when the token ends, by this machine's clock; zero if the token does not say.
func (r *refreshToken) ends() time.Time {
	if r.claims.Expires.IsZero() {
		return time.Time{}
	}
	return r.life.expires()
}
