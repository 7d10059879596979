package auth

import (
	"context"
	"errors"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// Status is what a [Transport] knows of one of its credentials at one moment: which one
// is in use, and the outcome for each place where it was looked for.
type Status struct {
	// Prefix is the repository prefix of the credential, if there are several as in
	// [ByRepository]; "" is all other repositories, or all.
	Prefix string
	// Credential is the one in use: the member that a [Chain] uses, the user that
	// [DockerConfig] found, the token whose name a [ScopedTokenFunc] gave, or the token
	// that was given as a password. Before the first token, or where none was found, it
	// is the one that was given.
	Credential Credential
	// From says where it was found, as `"/home/me/.docker/config.json", entry
	// "myregistry.azurecr.io"`; "" for a credential that was given as it is.
	From string
	// Lookups are the places of a Chain or of DockerConfig in their order; nil for
	// others. Before the first token they show what is known without running a helper.
	Lookups []Lookup
	// RefreshTokenExpires is the end of the ACR refresh token, by this machine's
	// clock where the token was exchanged by the transport, by the token's own claim
	// where it was given; zero if there is none or it is not known.
	RefreshTokenExpires time.Time
	// EntraTokenExpires is the end of the Entra token by its own claim; likewise.
	EntraTokenExpires time.Time
}

// statusFiller is a grant that can add to a Status.
type statusFiller interface{ fillStatus(s *Status) }

// Status returns what is known of the credential for a scope. It sends nothing
// and runs no helper, but may read Docker's files if they were not read before.
// Where no credential is given for the scope, Credential is the whole one, and
// nothing else is set.
func (t *Transport) Status(scope acrkit.Scope) Status {
	who := t
	if t.parts != nil {
		p, err := t.partForScope(scope)
		if err != nil {
			return Status{Credential: t.cred}
		}
		who = p
	}
	s := who.status()
	for _, p := range t.parts {
		if p.transport == who {
			s.Prefix = p.prefix
		}
	}
	return s
}

// Statuses returns what is known of every credential of the transport, the
// longest prefix first; of one that is not divided there is one.
func (t *Transport) Statuses() []Status {
	if t.parts == nil {
		return []Status{t.status()}
	}
	all := make([]Status, 0, len(t.parts))
	for _, p := range t.parts {
		s := p.transport.status()
		s.Prefix = p.prefix
		all = append(all, s)
	}
	return all
}

func (t *Transport) status() Status {
	s := Status{Credential: t.cred}
	if filler, ok := t.grant.(statusFiller); ok {
		filler.fillStatus(&s)
	}
	return s
}

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
		return Login{User: zeroGUID, Password: refresh.Value, Expires: refresh.Expires}, nil
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
		user = zeroGUID // the source gave a token since
	}
	return Login{User: user, Password: p.secrets[0]}, nil
}

func (g *staticGrant) fillStatus(s *Status) {
	if claims, err := wire.ReadClaims(g.token.Reveal()); err == nil {
		s.RefreshTokenExpires = claims.Expires
	}
}

func (g *entraGrant) fillStatus(s *Status) {
	g.fetches.Lock()
	defer g.fetches.Unlock()
	if g.current != nil {
		s.RefreshTokenExpires, s.EntraTokenExpires = g.current.ends(), g.current.entraExpires
	}
}

// ends is when the token ends, by this machine's clock; zero if the token does not say.
func (r *refreshToken) ends() time.Time {
	if r.claims.Expires.IsZero() {
		return time.Time{}
	}
	return r.life.expires()
}

func (g *chainGrant) fillStatus(s *Status) {
	c := g.current()
	for i := range g.members {
		l, inner := g.lookup(i, OutcomeNotTried, nil), Status{Credential: g.members[i]}
		if filler, ok := g.grants[i].(statusFiller); ok {
			filler.fillStatus(&inner)
			l.Places = inner.Lookups
		}
		if c != nil && i < c.at {
			l = c.before[i]
		}
		if c != nil && i == c.at {
			l.Outcome = OutcomeUsed
			lookups := s.Lookups
			prefix := s.Prefix
			*s = inner
			s.Lookups, s.Prefix = lookups, prefix
		}
		s.Lookups = append(s.Lookups, l)
	}
}

func (g *dockerGrant) fillStatus(s *Status) {
	g.reads.Lock()
	f := g.current
	if f == nil {
		f = g.last
	}
	g.reads.Unlock()
	if f == nil {
		places, _ := g.places() // the error of a file is in its place
		s.Lookups = lookupsOf(places)
		return
	}
	if filler, ok := f.grant.(statusFiller); ok {
		filler.fillStatus(s)
	}
	s.Credential, s.From, s.Lookups = f.cred, f.from, f.lookups
}
