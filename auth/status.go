package auth

import (
	"time"

	"github.com/acrkit/acrkit"
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
