package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/wire"
)

// logins stores the logins of clients in acrkit's store.
type logins struct{ env environment }

// identityUser is the user name of what Docker calls an identity token.
const identityUser = "<token>"

// loginOf returns the login of a user name and secret, as acrkit login does without flags.
func loginOf(reg acrkit.Registry, user string, secret auth.Secret) store.Login {
	l := store.Login{Registry: reg.LoginServer().Host(), Kind: string(auth.KindScopedToken), User: user,
		Secret: secret, Via: store.ViaHelper}
	own, _, _ := strings.Cut(reg.Name(), "-") // a login server may carry a hash
	switch kind := auth.UserPassword(user, secret.Reveal()).Kind(); {
	case kind != auth.KindUserPassword: // a token given as the password
		l.Kind, l.User = string(kind), ""
	case wire.IsGUID(user):
		l.Kind = string(auth.KindUserPassword) // a service principal's client id
	case reg.IsACR() && strings.EqualFold(user, own):
		l.Kind = string(auth.KindAdminUser)
	}
	return l
}

// Store stores a login, unless it is the helper's own answer: Docker stores that again
// when it logs in with it.
func (s logins) Store(ctx context.Context, reg acrkit.Registry, user string,
	secret auth.Secret) (notice string, err error) {
	l := loginOf(reg, user, secret)
	id, err := s.env.finder().Find(ctx, reg)
	switch {
	case acrkit.CodeOf(err) == acrkit.CodeCredentialMissing:
		// A missing credential is about to be stored.
	case err != nil:
		return "", err
	default:
		if keep, notice, err := s.keeps(ctx, id, l.Kind, user, secret); keep || err != nil {
			return notice, err
		}
	}
	st, err := s.env.finder().Store()
	if err != nil {
		return "", err
	}
	stored, err := st.Put(ctx, l)
	switch {
	case err != nil:
		return "", err
	case id.ByEnvironment:
		return fmt.Sprintf("stored; for now %s goes before it", id.Source), nil
	case stored.Place != store.PlaceKeychain:
		return fmt.Sprintf("the secret is in %s, which you alone can read, and not in the keychain: %s",
			stored.Place, stored.Why), nil
	}
	return "", nil
}

// keeps reports whether the stored login stays: the helper answers with this user name
// and secret, or makes such a refresh token from it. Nothing is sent.
func (s logins) keeps(ctx context.Context, id find.Identity, kind, user string,
	secret auth.Secret) (keep bool, notice string, err error) {
	t, err := s.env.connect(ctx, id.Registry, id.Credential)
	if err != nil {
		return false, "", err
	}
	defer func() { _ = t.Close() }()
	for _, status := range t.Statuses() {
		if status.Prefix != "" {
			continue
		}
		switch status.Credential.Kind() {
		case auth.KindScopedToken, auth.KindAdminUser, auth.KindUserPassword, auth.KindRefreshToken:
			login, err := t.Login(ctx, acrkit.CatalogScope())
			if user == identityUser {
				user = wire.ZeroGUID
			}
			return login.User == user && login.Password.Equal(secret), "", err
		case auth.KindAnonymous, auth.KindEntraToken:
		default:
			//rule:helper-logins-keeps
			return kind == string(auth.KindRefreshToken),
				fmt.Sprintf("nothing was stored: the %s stays, of which such a token is made and renewed",
					status.Credential), nil
		}
	}
	return false, "", nil
}

// Erase removes what Store kept for a registry.
func (s logins) Erase(ctx context.Context, reg acrkit.Registry) (notice string, err error) {
	st, err := s.env.finder().Store()
	if err != nil {
		return "", err
	}
	all, err := st.List(ctx)
	if err != nil {
		return "", err
	}
	for _, l := range all {
		switch {
		case l.Registry != reg.LoginServer().Host() || l.Repository != "":
		//rule:helper-logins-erase
		case l.Via != store.ViaHelper:
			return "the login that acrkit login stored stays; acrkit logout " + reg.Host() + " removes it", nil
		default:
			// Another process may have removed it since.
			if err := st.Delete(ctx, reg.Host(), ""); acrkit.CodeOf(err) != acrkit.CodeNotFound {
				return "", err
			}
		}
	}
	return "", nil
}

// List returns the registries of the store and the one of the environment. The
// keychain is not asked.
func (s logins) List(ctx context.Context) (map[acrkit.Registry]string, error) {
	st, err := s.env.finder().Store()
	if err != nil {
		return nil, err
	}
	stored, err := st.List(ctx)
	if err != nil {
		return nil, err
	}
	all := map[acrkit.Registry]string{}
	for _, l := range stored {
		reg, err := acrkit.ParseRegistry(l.Registry)
		cred, credErr := find.CredentialOf(l)
		if err != nil || credErr != nil || l.Repository != "" {
			continue
		}
		all[reg] = userOf(cred.Kind(), l.User)
	}
	if reg, err := acrkit.ParseRegistry(s.env.get("ACR_NAME")); err == nil {
		id, err := s.env.finder().InEnvironment(reg)
		if err != nil {
			return nil, err
		}
		if id.ByEnvironment {
			all[reg] = userOf(id.Credential.Kind(), s.env.get("ACR_TOKEN_NAME"))
		}
	}
	return all, nil
}

// userOf is the user name in the answer for a credential.
func userOf(kind auth.Kind, user string) string {
	switch kind {
	case auth.KindScopedToken, auth.KindAdminUser, auth.KindUserPassword:
		return user
	}
	return wire.ZeroGUID
}
