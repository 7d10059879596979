package cmdutil

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/find"
)

// Effective is the credential that requests for a scope are made with, as far as
// it is known: where Docker's configuration may decide, after the first token.
type Effective struct {
	auth.Status
	// where it came from: the variables, acrkit's store, a file of Docker; "" where that is not decided
	Source string
	Login  *find.StoredLogin // the login of acrkit's store that it is; nil = it is none
}

// place returns the place in Docker's configuration where it was found; zero if it
// was not found there.
func (e Effective) place() auth.Lookup {
	for _, l := range flatten(e.Lookups) {
		if l.Kind == auth.KindDockerConfig && (l.Outcome == auth.OutcomeUsed || l.Outcome == auth.OutcomeRefused) {
			return l
		}
	}
	return auth.Lookup{}
}

// Effective returns the credential for a scope.
func (c *Connection) Effective(scope acrkit.Scope) Effective {
	if c.Transport == nil {
		return Effective{Status: auth.Status{Credential: c.Credential}, Source: c.Source}
	}
	return c.effective(c.Transport.Status(scope))
}

// Effectives returns the credentials for all repository prefixes, the longest
// first; the last one, with the prefix "", is for all others.
func (c *Connection) Effectives() []Effective {
	statuses := c.Transport.Statuses()
	all := make([]Effective, 0, len(statuses))
	for _, s := range statuses {
		all = append(all, c.effective(s))
	}
	return all
}

func (c *Connection) effective(s auth.Status) Effective {
	e := Effective{Status: s, Source: c.Source}
	stored, ok := c.Stored[s.Prefix]
	switch {
	case s.From != "":
		e.Source = s.From
	case ok:
		e.Source, e.Login = stored.Source, &stored
	case s.Credential.Kind() == auth.KindAnonymous && c.Source == "":
		e.Source = nothingFound
	}
	return e
}

// Undecided reports whether no credential was used: none was needed yet, or a place
// failed that had to be asked.
func (e Effective) Undecided() bool {
	return e.Credential != nil &&
		(e.Credential.Kind() == auth.KindChain || e.Credential.Kind() == auth.KindDockerConfig ||
			e.Credential.Kind() == auth.KindByRepository)
}

// Repositories returns what one of several credentials is for: "team/*" of a login
// as it was stored, "team" of Docker's configuration, "" for all others.
func (id Identity) Repositories(e Effective) string {
	if e.Login != nil {
		return e.Login.Repository
	}
	return e.Prefix
}
