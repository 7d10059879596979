package auth

import (
	"context"
	"errors"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// Status is what a [Transport] knows of one of its credentials at a moment: which
// one came to be used, and what became of each place where it was looked for.
type Status struct {
	// Prefix is the repository prefix that the credential is for, of one that is
	// divided as [ByRepository] is; "" is the rest, or all.
	Prefix string
	// Credential is the one in use: the member that a [Chain] settled for, the user
	// that [DockerConfig] found, the token whose name a [ScopedTokenFunc] gave, or the
	// token that stands in a password's place. Before the first token, or where none
	// was found, it is the one that was given.
	Credential Credential
	// From says where it was found, as `"/home/me/.docker/config.json", entry
	// "myregistry.azurecr.io"`; "" for a credential that was given as it is.
	From string
	// Lookups are the places of a Chain or of DockerConfig in their order; nil for
	// others. Before the first token they say what can be seen without asking a
	// helper.
	Lookups []Lookup
	// RefreshTokenExpires is the end of the ACR refresh token, by this machine's
	// clock where the token was exchanged by the transport, by the token's own word
	// where it was given; zero if there is none or it is not known.
	RefreshTokenExpires time.Time
	// EntraTokenExpires is the end of the Entra token by its own word; likewise.
	EntraTokenExpires time.Time
}

// statusTeller is a grant that knows more of its credential than was given.
type statusTeller interface{ tell(s *Status) }

// Status returns what is known of the credential for a scope. It sends nothing
// and asks no helper, but may read Docker's files where those were not needed yet.
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
	if teller, ok := t.grant.(statusTeller); ok {
		teller.tell(&s)
	}
	return s
}

// Login is what lets in a client that knows user names and passwords only.
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

// Login returns what a client that knows no more than user names and passwords,
// as Docker, needs to do by itself what the scope says. Whether it is accepted is
// known after [Transport.Token] only. An ACR refresh token, which is as fresh as
// [Transport.RefreshToken] has it, opens everything that the credential may do, for
// up to three hours.
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
		user = zeroGUID // a source has given a token meanwhile
	}
	return Login{User: user, Password: p.secrets[0]}, nil
}

func (g *staticGrant) tell(s *Status) {
	if claims, err := wire.ReadClaims(g.token.Reveal()); err == nil {
		s.RefreshTokenExpires = claims.Expires
	}
}

func (g *entraGrant) tell(s *Status) {
	g.fetches.Lock()
	defer g.fetches.Unlock()
	if g.current != nil {
		s.RefreshTokenExpires, s.EntraTokenExpires = g.current.ends(), g.current.entraExpires
	}
}

// ends is when the token ends, by this machine's clock; zero where only the rule
// for tokens that do not say bounds its use.
func (r *refreshToken) ends() time.Time {
	if r.claims.Expires.IsZero() {
		return time.Time{}
	}
	return r.life.expires()
}

func (g *chainGrant) tell(s *Status) {
	c := g.current()
	for i := range g.members {
		l, inner := g.lookup(i, OutcomeNotTried, nil), Status{Credential: g.members[i]}
		if teller, ok := g.grants[i].(statusTeller); ok {
			teller.tell(&inner)
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

func (g *dockerGrant) tell(s *Status) {
	g.reads.Lock()
	f := g.current
	if f == nil {
		f = g.last
	}
	g.reads.Unlock()
	if f == nil {
		places, _ := g.places() // what is wrong with a file stands in its place
		s.Lookups = lookupsOf(places)
		return
	}
	if teller, ok := f.grant.(statusTeller); ok {
		teller.tell(s)
	}
	s.Credential, s.From, s.Lookups = f.cred, f.from, f.lookups
}
