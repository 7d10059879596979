package cmdutil

import (
	"context"
	"errors"
	"slices"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/wording"
)

// Places returns every place where a credential for a scope was looked for, in
// the order in which they count, and what became of each; err is how the request
// ended that needed one, nil on success. Places after the one that was used are
// looked at too, as far as that needs no prompt for a secret: a credential there is
// shadowed.
func (c *Connection) Places(ctx context.Context, scope acrkit.Scope, err error) []auth.Lookup {
	places := slices.Clone(c.Lookups)
	e := c.Effective(scope)
	for i := range places {
		l := &places[i]
		if l.Outcome != auth.OutcomeUsed {
			continue
		}
		switch {
		case l.Place.Kind == auth.PlaceStore && (e.Login == nil || l.Place.Prefix != e.Prefix):
			l.Outcome, l.Detail = auth.OutcomeNotTried, "for other repositories"
		case errors.Is(err, acrkit.CodeCredentialRejected):
			l.Outcome = auth.OutcomeRefused
		}
	}
	if c.Later && e.Login == nil {
		return append(places, flatten(dockerLookups(e.Status, err))...)
	}
	return append(places, c.Behind(ctx)...)
}

// dockerLookups returns the look-ups in Docker's configuration and the anonymous one.
func dockerLookups(s auth.Status, err error) []auth.Lookup {
	lookups := s.Lookups
	if report, ok := errors.AsType[*auth.ChainError](err); ok {
		lookups = report.Lookups
	}
	if lookups == nil && s.Credential.Kind() == auth.KindAnonymous {
		lookups = []auth.Lookup{{Source: string(auth.KindAnonymous), Kind: auth.KindAnonymous,
			Outcome: auth.OutcomeUsed}}
	}
	return lookups
}

// flatten replaces a place by the places within it.
func flatten(lookups []auth.Lookup) []auth.Lookup {
	var flat []auth.Lookup
	for _, l := range lookups {
		switch {
		case l.Kind == auth.KindAnonymous && l.Outcome == auth.OutcomeRefused:
			l.Outcome, l.Detail = auth.OutcomeUsed, "the registry requires a credential"
			flat = append(flat, l)
		case l.Kind == auth.KindAnonymous && l.Outcome == auth.OutcomeNotTried:
			// Anonymous is always available; that it was not needed says nothing.
		case len(l.Places) > 0:
			flat = append(flat, flatten(l.Places)...)
		default:
			flat = append(flat, l)
		}
	}
	return flat
}

// Behind returns the places that come after the one where the credential was
// found, with what is there and not used. No helper and no keychain is asked.
func (id Identity) Behind(ctx context.Context) []auth.Lookup {
	if id.places == nil {
		return nil
	}
	return id.places(ctx)
}

// afterEnvironment looks at acrkit's store and at Docker's configuration.
func (f *Factory) afterEnvironment(reg acrkit.Registry) func(context.Context) []auth.Lookup {
	return func(ctx context.Context) []auth.Lookup {
		var places []auth.Lookup
		none := auth.Lookup{Source: find.StoreName, Kind: find.KindStore, Outcome: auth.OutcomeNotSet}
		s, err := f.Store()
		if err == nil {
			logins, listErr := s.List(ctx)
			err = listErr
			for _, l := range logins {
				if l.Registry == reg.LoginServer().Host() {
					lookup := find.StoreLookup(l)
					lookup.Outcome = auth.OutcomeShadowed
					places = append(places, lookup)
				}
			}
		}
		if err != nil {
			none.Outcome, none.Detail = auth.OutcomeShadowed, "cannot be read: "+wording.Reason(err)
		}
		if len(places) == 0 {
			places = append(places, none)
		}
		return append(places, f.afterStore(reg)(ctx)...)
	}
}

// afterStore looks at Docker's configuration.
func (f *Factory) afterStore(reg acrkit.Registry) func(context.Context) []auth.Lookup {
	return func(context.Context) []auth.Lookup {
		t, err := auth.NewTransport(reg.Host(), f.dockerConfig(),
			&auth.Options{CustomLoginServer: f.customLoginServer(reg)})
		if err != nil {
			return nil // the host is refused, which is reported elsewhere
		}
		defer t.Close()
		var places []auth.Lookup
		for _, s := range t.Statuses() {
			for _, l := range s.Lookups {
				switch l.Outcome {
				case auth.OutcomeNotTried:
					if l.Place.Kind == auth.PlaceHelper {
						l.Detail = "helpers are not asked without need"
						break
					}
					l.Outcome = auth.OutcomeShadowed
				case auth.OutcomeFailed:
					l.Outcome, l.Detail = auth.OutcomeShadowed, "cannot be read: "+l.Detail
				}
				if !slices.ContainsFunc(places, func(p auth.Lookup) bool { return p.Place == l.Place }) {
					places = append(places, l)
				}
			}
		}
		return places
	}
}
