package find

import (
	"context"
	"fmt"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// Store opens acrkit's store of logins. Nothing is read yet.
func (f *Finder) Store() (*store.Store, error) {
	return store.Open(&store.Options{Now: f.Now, LookupEnv: f.LookupEnv})
}

// fromStore returns the logins for the registry by prefix.
func (f *Finder) fromStore(ctx context.Context, id *Identity, kind auth.Kind) (map[string]auth.Credential, error) {
	entries, none := map[string]auth.Credential{},
		auth.Lookup{Source: StoreName, Kind: KindStore, Outcome: auth.OutcomeNotSet}
	failed := func(err error) (map[string]auth.Credential, error) {
		none.Outcome, none.Detail = auth.OutcomeFailed, wording.Reason(err)
		id.Lookups = append(id.Lookups, none)
		return entries, err
	}
	s, err := f.Store()
	if err != nil {
		return failed(err)
	}
	logins, err := s.Logins(ctx, id.Registry.Host())
	if err != nil {
		return failed(err)
	}
	id.Stored = map[string]StoredLogin{}
	for _, l := range logins {
		lookup := StoreLookup(l)
		if kind != "" && kind != KindStore && kind != auth.Kind(l.Kind) {
			lookup.Outcome, lookup.Detail = auth.OutcomeShadowed, f.asked()
			id.Lookups = append(id.Lookups, lookup)
			continue
		}
		cred, err := CredentialOf(l)
		if err != nil {
			return failed(err)
		}
		if _, twice := entries[l.Prefix()]; twice {
			return failed(&acrkit.Error{Code: acrkit.CodeUsage, Op: "read the logins", Registry: id.Registry,
				Reason: fmt.Sprintf("two are for what begins with %q", l.Prefix()),
				Hint: sentence.Fix(sentence.LogOutOfPart,
					map[string]string{"host": id.Registry.Host(), "repository": l.Prefix()})})
		}
		entries[l.Prefix()], id.Stored[l.Prefix()] = cred, StoredLogin{lookup.Source, l.Repository}
		id.Lookups = append(id.Lookups, lookup)
	}
	if len(logins) == 0 {
		id.Lookups = append(id.Lookups, none)
	}
	return entries, nil
}

// StoreLookup returns the lookup of a login that is used.
func StoreLookup(l store.Login) auth.Lookup {
	source := StoreName
	if l.Repository != "" {
		source += fmt.Sprintf(", login for %q", l.Repository)
	}
	detail := "stored " + l.Saved.Format(time.DateOnly)
	if l.Why != "" {
		detail += "; not in the keychain: " + l.Why
	}
	return auth.Lookup{Source: fmt.Sprintf("%s (%s)", source, l.Place), Kind: auth.Kind(l.Kind),
		Outcome: auth.OutcomeUsed, Detail: detail, Name: l.User,
		Place: auth.Place{Kind: auth.PlaceStore, Prefix: l.Prefix()}}
}

// CredentialOf returns the credential of a stored login.
func CredentialOf(l store.Login) (auth.Credential, error) {
	secret := l.Secret.Reveal()
	switch auth.Kind(l.Kind) {
	case auth.KindScopedToken:
		return auth.ScopedToken(l.User, secret), nil
	case auth.KindAdminUser:
		return auth.AdminUser(l.User, secret), nil
	case auth.KindUserPassword:
		return auth.UserPassword(l.User, secret), nil
	case auth.KindRefreshToken:
		return auth.RefreshToken(secret), nil
	case auth.KindEntraToken:
		return auth.EntraToken(secret), nil
	case auth.KindServicePrincipal:
		return auth.ServicePrincipal(l.Tenant, l.User, secret, &auth.EntraOptions{AuthorityHost: l.Authority}), nil
	}
	return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a stored login",
		Reason: fmt.Sprintf("its kind, %q, is not known; a newer acrkit may have stored it", l.Kind),
		Hint:   sentence.Fix(sentence.LogOut, map[string]string{"args": l.Registry})}
}
