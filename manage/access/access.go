package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/roles"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/scopemap"
)

// The rights that are none on a repository.
const (
	// Catalog is the right to list all repositories.
	Catalog = roles.Catalog
	// Control is the right to give rights: to make or read passwords of tokens or of the
	// admin user, to change tokens, scope maps or settings, or to assign roles. Who has it
	// can have every other right.
	Control = "control"
)

// Rights lists what [Query.Action] may be: the actions of package acrkit, [Catalog] and
// [Control].
func Rights() (all []string) {
	for _, a := range acrkit.Actions() {
		all = append(all, a.String())
	}
	return append(all, Catalog, Control)
}

// Query is what is asked. Its zero value asks for everything.
type Query struct {
	Repository string // a repository's name; "" = all. Catalog and Control are then left out
	Action     string // one of [Rights]; "" = all
	// Member means that the role assignments are those of one identity, so that it is known
	// to be in the groups among them.
	Member bool
}

// Check reports a name that is no repository's, an unknown action, and a repository with an
// action that is none on a repository.
func (q Query) Check() error {
	usage := func(format string, args ...any) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "ask for rights", Reason: fmt.Sprintf(format, args...)}
	}
	if q.Repository != "" {
		if err := acrkit.CheckRepositoryName(q.Repository); err != nil {
			return err
		}
	}
	switch {
	case q.Action != "" && !slices.Contains(Rights(), q.Action):
		return usage("%q is none of %s", q.Action, strings.Join(Rights(), ", "))
	case q.Repository != "" && (q.Action == Catalog || q.Action == Control):
		return usage("%s is a right on the registry, not on a repository", q.Action)
	}
	return nil
}

func (q Query) asks(action string) bool {
	if action == Catalog || action == Control {
		return q.Repository == "" && (q.Action == "" || q.Action == action)
	}
	return q.Action == "" || q.Action == action
}

func (q Query) covers(p scopemap.Pattern) bool { return q.Repository == "" || p.Match(q.Repository) }

// Kind is what has a right.
type Kind string

// The kinds, and two of grants that belong to no one identity.
const (
	KindToken     Kind = "token"
	KindPrincipal Kind = "principal" // of Entra, by a role assignment
	KindAdmin     Kind = "admin-user"
	KindAnonymous Kind = "anonymous" // all clients, without a credential
	// KindUnread is something that could not be read, so that grants may be missing.
	KindUnread Kind = "unread"
)

// What is known of a token's passwords.
const (
	PasswordLive    = "live"
	PasswordExpired = "expired" // all that there are
	PasswordNone    = "none"
)

// Grant is one right of one identity, with what gives it.
type Grant struct {
	Kind          Kind   `json:"kind"`
	Name          string `json:"name"`          // of a token, or of the admin user; a principal's object id
	PrincipalType string `json:"principalType"` // User, Group, ServicePrincipal, …

	// Repository is the name or pattern of the line that gives the right: "samples/app",
	// "samples/*", "*"; "" for a right on the registry.
	Repository string `json:"repository"`
	Action     string `json:"action"` // one of [Rights]; "" if it is not known

	By        string `json:"by"`        // the name of the scope map or the role, or of the registry's setting
	Line      string `json:"line"`      // the scope map's line, or the role's permission
	Scope     string `json:"scope"`     // the resource id that the role is assigned on
	Condition string `json:"condition"` // of the role assignment, in one line

	Enabled  bool   `json:"enabled"`  // false: a token that is disabled
	Password string `json:"password"` // of a token: live, expired or none

	Unknown string `json:"unknown"` // why it is not certain that the right is there; "" = it is
}

// Usable reports whether the right can be used now: it is certain, and a token is enabled
// and has a password that has not expired.
func (g Grant) Usable() bool {
	return g.Unknown == "" && g.Enabled && (g.Kind != KindToken || g.Password == PasswordLive)
}

// Key is a text that sorts grants by who, repository and action, then by all else.
func (g Grant) Key() string {
	return strings.Join([]string{string(g.Kind), strings.ToLower(g.Name), g.Repository, g.Action, strings.ToLower(g.By),
		g.Line, strings.ToLower(g.Scope), g.Condition, g.Unknown}, "\x00")
}

// Unread is a grant that says that something could not be read.
func Unread(what string, err error) Grant {
	return Grant{Kind: KindUnread, Name: what, Unknown: wording.Said(err)}
}

// Settings returns what the registry's settings give: the admin user, and anonymous pull.
// name is the registry's, which is the admin user's too.
func (q Query) Settings(s manage.Settings, name string) (out []Grant) {
	give := func(kind Kind, who, by string, actions ...string) {
		for _, a := range actions {
			if q.asks(a) {
				out = append(out, Grant{Kind: kind, Name: who, Repository: repositoryOf(a), Action: a, By: by,
					Enabled: true})
			}
		}
	}
	if s.AdminUser {
		give(KindAdmin, name, "adminUserEnabled", "content/read", "content/write", "content/delete", "metadata/read",
			"metadata/write", Catalog)
	}
	if s.AnonymousPull { // recorded: tags and the catalog too
		give(KindAnonymous, "", "anonymousPullEnabled", "content/read", "metadata/read", Catalog)
	}
	return out
}

// repositoryOf is what a right for all repositories is on.
func repositoryOf(action string) string {
	if action == Catalog || action == Control {
		return ""
	}
	return string(scopemap.Root)
}

// Narrow returns the scope map with those of its lines that decide the query.
func (q Query) Narrow(m manage.ScopeMap) manage.ScopeMap {
	m.Actions = slices.DeleteFunc(slices.Clone(m.Actions), func(line string) bool {
		r, err := scopemap.ParseRule(line)
		return err == nil && len(q.line(r)) == 0
	})
	return m
}

// line returns the rights that a line of a scope map gives.
func (q Query) line(r scopemap.Rule) (actions []string) {
	if r.IsGateway() {
		return nil
	}
	if q.covers(r.Pattern) && q.asks(r.Action.String()) {
		actions = append(actions, r.Action.String())
	}
	// The catalog comes with metadata/read on all repositories (reported; see scopemap).
	if r.Pattern == scopemap.Root && r.Action == acrkit.MetadataRead && q.asks(Catalog) {
		actions = append(actions, Catalog)
	}
	return actions
}

// OfToken returns who a token is: a grant of nothing yet, for [Query.ScopeMap].
func OfToken(t manage.Token, now time.Time) Grant {
	return Grant{Kind: KindToken, Name: t.Name, By: t.ScopeMap, Enabled: t.Enabled, Password: passwordOf(t, now)}
}

// ScopeMap returns what a scope map gives a token, in the order of its lines. m is nil if it
// could not be read or is not there.
func (q Query) ScopeMap(token Grant, m *manage.ScopeMap) (out []Grant) {
	if m == nil {
		token.Unknown = "its scope map could not be read"
		return []Grant{token}
	}
	for _, line := range m.Actions {
		g := token
		g.Line = line
		r, err := scopemap.ParseRule(line)
		if err != nil {
			g.Unknown = "the line is not understood: " + wording.Reason(err)
			out = append(out, g)
			continue
		}
		for _, a := range q.line(r) {
			g.Action, g.Repository = a, string(r.Pattern)
			if a == Catalog {
				g.Repository = ""
			}
			out = append(out, g)
		}
	}
	return out
}

func passwordOf(t manage.Token, now time.Time) string {
	if len(t.Passwords) == 0 {
		return PasswordNone
	}
	if slices.ContainsFunc(t.Passwords, func(p manage.Password) bool { return p.Live(now) }) {
		return PasswordLive
	}
	return PasswordExpired
}

// Answer is the answer to the question whether an identity may do something.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Decide answers a query from the grants that it has for one identity, and returns those
// that decide it, in order.
func Decide(grants []Grant) (Answer, []Grant) {
	for _, x := range []struct {
		answer Answer
		is     func(Grant) bool
	}{
		{Yes, Grant.Usable},
		{Unknown, func(g Grant) bool { return g.Unknown != "" && (g.Kind != KindToken || g.canLogIn()) }},
		{No, func(Grant) bool { return true }}, // a token that may not log in
	} {
		var why []Grant
		for _, g := range grants {
			if x.is(g) {
				why = append(why, g)
			}
		}
		if len(why) > 0 {
			slices.SortFunc(why, func(a, b Grant) int { return strings.Compare(a.Key(), b.Key()) })
			return x.answer, why
		}
	}
	return No, nil
}

func (g Grant) canLogIn() bool { return g.Enabled && g.Password == PasswordLive }
