package auth

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// divided is a credential with different credentials for different repositories.
type divided interface {
	// parts returns the credential of each repository prefix; "" is for all other
	// repositories and for requests without one. No value is divided again.
	parts(t *Transport) (map[string]Credential, error)
}

// partsOf returns the parts of any credential.
func partsOf(c Credential, t *Transport) (map[string]Credential, error) {
	if d, ok := c.(divided); ok {
		return d.parts(t)
	}
	return map[string]Credential{"": c}, nil
}

// within reports whether a repository is the prefix or lies under it: whole path
// parts, so that "team" does not hold "teamwork".
func within(repository, prefix string) bool {
	return prefix == "" || repository == prefix || strings.HasPrefix(repository, prefix+"/")
}

// longest returns the longest of the prefixes that holds the repository.
func longest[V any](prefixes map[string]V, repository string) (prefix string, ok bool) {
	for p := range prefixes {
		if within(repository, p) && (!ok || len(p) > len(prefix)) {
			prefix, ok = p, true
		}
	}
	return prefix, ok
}

// byRepositoryCredential is a map from repository prefix to credential.
type byRepositoryCredential struct {
	description
	entries map[string]Credential
}

// ByRepository gives each repository the credential of the longest prefix that
// holds it, so that several scope-mapped tokens serve one registry:
//
//	auth.ByRepository(map[string]auth.Credential{
//		"team/app": auth.ScopedToken("app-push", p1),
//		"team":     auth.ScopedToken("team-pull", p2),
//		"":         auth.Anonymous(),
//	})
//
// A prefix is a repository name and matches that repository and all under it: "team"
// matches team and team/app, not teamwork. The prefix "" matches all other repositories,
// and requests that name none, such as the catalog. Without it those are an error with
// [acrkit.CodeCredentialMissing], except the ping of /v2/, which needs no right and is
// made with any of the credentials.
//
// No token is shared between credentials. A request that needs two repositories,
// a mount, is made with the credential of its target alone.
func ByRepository(entries map[string]Credential) Credential {
	return &byRepositoryCredential{description{KindByRepository, fmt.Sprintf("credentials by repository (%d)", len(entries))}, maps.Clone(entries)}
}

func (c *byRepositoryCredential) parts(t *Transport) (map[string]Credential, error) {
	usage := func(reason string) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use credentials by repository", Registry: t.registry, Reason: reason}
	}
	if len(c.entries) == 0 {
		return nil, usage("there is none")
	}
	all := map[string]Credential{}
	for prefix, cred := range c.entries {
		if prefix != "" && acrkit.CheckRepositoryName(prefix) != nil {
			return nil, usage(fmt.Sprintf("the prefix %s is not the name of a repository; it is written without a wildcard and without a slash at its end", clipQuote(prefix)))
		}
		if cred == nil {
			return nil, usage(fmt.Sprintf("the credential for %q is nil", prefix))
		}
		inner, err := partsOf(cred, t)
		if err != nil {
			return nil, err
		}
		if outer, ok := longest(inner, prefix); ok {
			all[prefix] = inner[outer]
		}
		for p, cred := range inner {
			// A part below the prefix, unless another entry is nearer to it.
			if nearest, _ := longest(c.entries, p); p != "" && nearest == prefix && within(p, prefix) {
				all[p] = cred
			}
		}
	}
	return all, nil
}

// bind always fails: NewTransport divides the credential and binds its parts.
func (c *byRepositoryCredential) bind(t *Transport) (grant, error) { return nil, errDivided(t) }

func errDivided(t *Transport) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
		Reason: "there are several, and one is needed"}
}

// maxParts bounds the credentials of one transport. Each has its own token cache.
const maxParts = 256

// part is a transport with the credential of one prefix.
type part struct {
	prefix    string
	transport *Transport
}

// divide gives t a transport for each part of its credential, or binds the only
// one.
func (t *Transport) divide() error {
	creds, err := partsOf(t.cred, t)
	if err != nil {
		return err
	}
	if only, ok := creds[""]; ok && len(creds) == 1 {
		t.grant, err = only.bind(t)
		return err
	}
	if len(creds) > maxParts {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "use credentials by repository", Registry: t.registry,
			Reason: fmt.Sprintf("there are %d, and the limit for one registry is %d", len(creds), maxParts)}
	}
	most := max(maxCachedTokens/len(creds), 16)
	for prefix, cred := range creds {
		child := &Transport{registry: t.registry, cred: cred, scheme: t.scheme, base: t.base, log: t.log, now: t.now, keeper: t.keeper,
			tokens: newTokenCache(most), learned: learnedScopes{}}
		child.fetches.init()
		if child.grant, err = cred.bind(child); err != nil {
			return err
		}
		t.parts = append(t.parts, part{prefix, child})
	}
	// The longest first, so that the first that holds a repository is the one; ""
	// is the last.
	slices.SortFunc(t.parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(len(b.prefix), len(a.prefix)), cmp.Compare(a.prefix, b.prefix))
	})
	t.grant = noGrant{}
	return nil
}

// noGrant is the grant of a divided transport, which asks for no token itself.
type noGrant struct{ grant }

func (noGrant) close() {}

// partFor returns the part that holds a repository; "" is what names none.
func (t *Transport) partFor(repository string) (*Transport, error) {
	for _, p := range t.parts {
		if p.prefix == "" || repository != "" && within(repository, p.prefix) {
			return p.transport, nil
		}
	}
	e := &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential", Registry: t.registry,
		Reason: fmt.Sprintf("none is given for the repository %q", repository)}
	if repository == "" {
		e.Reason = "the request names no repository, and credentials are given for some repositories only"
		e.Hint = sentence.Fix(sentence.GiveRest, nil)
	}
	return nil, wire.Final(e)
}

// partForRequest returns the part whose credential a request needs: its
// repository decides, of a mount the target.
func (t *Transport) partForRequest(req *http.Request) (*Transport, error) {
	need := operation.RequiredFor(req.Method, req.URL)
	switch {
	case need.Repository != "":
	case need.Op == operation.Ping:
		// The ping needs no right; the last part is that of "" if there is one.
		return t.parts[len(t.parts)-1].transport, nil
	case need.Op == operation.Unknown:
		// A request that is not recognised may come with its scope.
		if scope, ok := acrkit.RequiredScopeFromContext(req.Context()); ok {
			return t.partForScope(scope)
		}
	}
	return t.partFor(need.Repository)
}

// partForScope returns the part for a scope: one of one repository, of several
// with the same credential, or of a mount, where the one that is written decides.
func (t *Transport) partForScope(scope acrkit.Scope) (*Transport, error) {
	var found, written *Transport
	var none error
	same, writes := true, 0
	for a := range scope.All() {
		repository := ""
		if a.Type == "repository" {
			repository = a.Name
		}
		p, err := t.partFor(repository)
		if err != nil {
			none, same = err, false
			continue
		}
		same = same && (found == nil || found == p)
		found = p
		if repository != "" && slices.Contains(a.Actions, acrkit.ContentWrite.Wire()) {
			written = p
			writes++
		}
	}
	switch {
	case scope.IsEmpty(): // it opens nothing
		return t.parts[len(t.parts)-1].transport, nil
	case same:
		return found, nil
	case writes == 1:
		return written, nil
	case none != nil:
		return nil, none
	}
	return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeUsage, Op: "get an access token", Registry: t.registry,
		Reason: "the scope has repositories with different credentials, which one token cannot cover"})
}

// clipQuote quotes a text and shortens a long one.
func clipQuote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// closeParts closes the transports of all parts.
func (t *Transport) closeParts() {
	for _, p := range t.parts {
		_ = p.transport.Close()
	}
}
