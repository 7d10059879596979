package rotate

import (
	"context"
	"errors"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
)

// NewLogin returns a [Login] that asks a registry for an access token. opts are as for
// [auth.NewTransport]; their store of tokens is not used, because a stored token tells
// nothing of the password.
//
// A password that is a token itself, such as an ACR refresh token, is not a password of the
// token and is not accepted.
func NewLogin(reg acrkit.Registry, token string, opts *auth.Options) Login {
	o := auth.Options{}
	if opts != nil {
		o = *opts
	}
	o.Tokens = nil
	return func(ctx context.Context, password redact.Secret) (bool, error) {
		//rule:rotate-login-kind
		if auth.UserPassword(token, password.Reveal()).Kind() != auth.KindUserPassword {
			return false, nil
		}
		t, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token, password.Reveal()), &o)
		if err != nil {
			return false, err
		}
		_, err = t.Token(ctx, acrkit.CatalogScope())
		err = errors.Join(err, t.Close())
		if errors.Is(err, acrkit.CodeCredentialRejected) {
			return false, nil
		}
		return err == nil, err
	}
}
