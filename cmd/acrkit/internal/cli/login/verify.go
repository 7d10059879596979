package login

import (
	"context"
	"errors"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

func (opts *Options) checkHost() error {
	c, err := opts.Connect(cmdutil.IdentityOf(opts.Registry, auth.Anonymous()))
	if err != nil {
		return err
	}
	return c.Close()
}

// recognize detects the kind of the secret by its form, not by the option that gave it.
func (opts *Options) recognize(l *store.Login) error {
	secret := l.Secret.Reveal()
	if l.Kind == string(auth.KindServicePrincipal) && wire.IsGUID(secret) {
		cmdutil.Say(opts.IO.ErrOut, "The secret looks like the id of a client secret; what is needed is its value.")
	}
	is := auth.UserPassword(l.User, secret).Kind()
	claims, _ := wire.ReadClaims(secret) // zero of what is no token
	switch {
	case is == auth.KindUserPassword || is == auth.Kind(l.Kind):
		return nil
	case claims.IsAccessToken():
		return cmdutil.Usage("the secret is an ACR access token, which is valid for one scope only")
	}
	if l.Kind == string(auth.KindServicePrincipal) {
		return cmdutil.Usage("the secret is a token (%s), not a client secret", is)
	}
	cmdutil.Say(opts.IO.ErrOut, "The secret has the form of a token, and is stored as one (%s).", is)
	l.Kind, l.User = string(is), ""
	return nil
}

// verify asks the registry for a token with the credential.
func (opts *Options) verify(ctx context.Context, c *cmdutil.Connection) error {
	scope := acrkit.CatalogScope()
	if c.Repository != "" {
		scope = acrkit.RepositoryScope(c.Repository, acrkit.Actions()...)
	}
	token, err := c.Transport.Token(ctx, scope)
	if err != nil {
		return opts.refused(cmdutil.Explain(ctx, c, wire.WithOp(err, "log in", opts.Registry)))
	}
	if opts.Repository == c.Repository && c.Repository != "" && token.Granted != nil && token.Granted.IsEmpty() {
		cmdutil.Say(opts.IO.ErrOut, "It is accepted, but has no right on %q.", c.Repository)
	}
	return nil
}

// refused adds to the error of a login that nothing was stored, and how to try
// again.
func (opts *Options) refused(err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	if out.Reason == "" {
		out.Reason = "the registry did not say why"
	}
	out.Reason += "; nothing was stored"
	switch {
	case out.Code != acrkit.CodeCredentialRejected:
	case opts.Kind == auth.KindServicePrincipal && wire.IsGUID(opts.User):
		out.Hint = sentence.Fix(sentence.ListSecretsOf, map[string]string{"client": opts.User})
	case opts.Kind == auth.KindScopedToken && opts.Registry.IsACR(): // the hint shows the token's status
	case opts.Kind == auth.KindAdminUser && opts.Registry.IsACR():
		out.Hint = sentence.Fix(sentence.ShowAdminPassword, map[string]string{"name": opts.Registry.Name()})
	case opts.Kind == auth.KindRefreshToken && opts.Registry.IsACR():
		out.Hint = sentence.Fix(sentence.ShowRefreshToken, map[string]string{"name": opts.Registry.Name()})
	default:
		out.Hint = sentence.Fix(sentence.ShowHelpOf, map[string]string{"command": "acrkit login"})
	}
	return &out
}
