package auth

import (
	"context"
	"errors"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// Login is a credential for a client that knows user names and passwords only.
type Login struct {
	// User and Password are the credential's own, where it has such; otherwise
	// 00000000-0000-0000-0000-000000000000 and an ACR refresh token. Both are empty
	// for [Anonymous].
	User     string
	Password Secret
	// Expires is the end of the refresh token; zero for a password, and where it is
	// not known.
	Expires time.Time
}

// Login returns the login that a client which knows only user names and passwords, such
// as Docker, needs for the scope. Only [Transport.Token] shows whether it is accepted.
// An ACR refresh token, renewed as [Transport.RefreshToken] does, has all rights of the
// credential for up to three hours.
func (t *Transport) Login(ctx context.Context, scope acrkit.Scope) (Login, error) {
	if t.parts != nil {
		p, err := t.partForScope(scope)
		if err != nil {
			return Login{}, err
		}
		return p.Login(ctx, scope)
	}
	refresh, err := refreshTokenOf(ctx, t.grant)
	if err == nil {
		return Login{User: wire.ZeroGUID, Password: refresh.Value, Expires: refresh.Expires}, nil
	}
	if !errors.Is(err, errNoRefreshToken) {
		return Login{}, err
	}
	p, err := t.grant.proof(ctx)
	if err != nil || len(p.secrets) == 0 {
		return Login{}, err
	}
	user := p.fields.Get("username")
	if user == "" {
		user = wire.ZeroGUID // the source gave a token since
	}
	return Login{User: user, Password: p.secrets[0]}, nil
}
