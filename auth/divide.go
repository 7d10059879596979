package auth

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

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
		child := &Transport{registry: t.registry, cred: cred, scheme: t.scheme, base: t.base, log: t.log, now: t.now,
			keeper: t.keeper,
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

// closeParts closes the transports of all parts.
func (t *Transport) closeParts() {
	for _, p := range t.parts {
		_ = p.transport.Close()
	}
}
