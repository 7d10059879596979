package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/wire"
)

// call is one request on its way through the handler.
type call struct {
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	host string // the request's own Host, lower case: one of the handler's
	op   operation.Request
	body *idle.Body // the request's
}

// isNotFromWebPage reports whether the request is not from a web page of another origin.
// A browser sends the page's origin (Fetch standard, "Origin" header; W3C Fetch
// Metadata), and allows any page to send requests to loopback. Another port of this
// machine is another program, though a browser calls it the same site.
func (c *call) isNotFromWebPage() bool {
	for _, origin := range c.r.Header.Values("Origin") {
		//rule:proxy-pages-is-not-from-web-page
		if !strings.EqualFold(origin, c.h.scheme+"://"+c.host) {
			return false
		}
	}
	for _, site := range c.r.Header.Values("Sec-Fetch-Site") {
		//rule:proxy-pages-is-not-from-web-page-2
		if !slices.Contains([]string{"same-origin", "none"}, strings.ToLower(site)) {
			return false
		}
	}
	return true
}

// refusal says in a challenge why the credential was refused.
type refusal struct {
	word  string // its error: "", "insufficient_scope", "invalid_token"
	basic bool   // the credential was Basic, and wrong
}

// authorize returns nil if the request may be made.
func (c *call) authorize() *refusal {
	header := c.r.Header.Values("Authorization")
	if len(header) != 1 {
		//rule:proxy-key-authorize
		return &refusal{}
	}
	scheme, credential, _ := strings.Cut(header[0], " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		_, password, ok := c.r.BasicAuth()
		if !ok || !c.h.isKey(password) {
			return &refusal{basic: true}
		}
	case strings.EqualFold(scheme, "Bearer"):
		granted, ok := c.h.tokens.access(strings.TrimSpace(credential), c.host)
		if !ok {
			return &refusal{word: wire.ErrInvalidToken}
		}
		//rule:proxy-scope-map-authorize-2
		if !holds(granted, c.op.Scope) {
			c.h.noteRefused(c.op.Scope) // of what the map allows, the client gets another token
			return &refusal{word: wire.ErrInsufficientScope}
		}
	default:
		return &refusal{}
	}
	//rule:proxy-scope-map-authorize
	if !c.h.allows(c.op.Scope) {
		c.h.noteRefused(c.op.Scope)
		return &refusal{word: wire.ErrInsufficientScope}
	}
	return nil
}

// allows reports whether the scope map allows a request with these rights. It is checked
// for each request, independent of its token.
func (h *Handler) allows(required acrkit.Scope) bool {
	return h.scopeMap == nil || h.scopeMap.Decide(required).Allowed()
}

// allRepositories means every repository in a scope: some clients ask for
// "repository:*:ACTIONS", with * for all actions, and use the token for each.
const allRepositories = "*"

// noteRefused tells which of the required rights the scope map lacks.
func (h *Handler) noteRefused(required acrkit.Scope) {
	if h.scopeMap == nil {
		return
	}
	if missing := h.scopeMap.Decide(required).Missing; !missing.IsEmpty() {
		h.refused(missing)
	}
}

// holds reports whether a token has the required rights. A right on all repositories is a
// right on each.
func holds(granted, required acrkit.Scope) bool {
	for lacks := range required.Minus(granted).All() {
		everywhere := func(action string) acrkit.Scope {
			return acrkit.NewScope(acrkit.Access{Type: "repository", Name: allRepositories, Actions: []string{action}})
		}
		for _, action := range lacks.Actions {
			//rule:all-repositories-holds
			if lacks.Type != "repository" || !granted.Contains(everywhere(action)) &&
				!granted.Contains(everywhere("*")) {
				return false
			}
		}
	}
	return true
}

// grant returns the part of the requested scope that a token gets. Rights on all
// repositories are granted unchanged: each request is checked against the scope map.
func (h *Handler) grant(asked acrkit.Scope) acrkit.Scope {
	if h.scopeMap == nil {
		return asked
	}
	//rule:proxy-scope-map-grant
	granted := h.scopeMap.Grant(asked)
	for access := range asked.All() {
		if access.Type == "repository" && access.Name == allRepositories {
			granted = granted.Union(acrkit.NewScope(access))
		}
	}
	return granted
}

// isKey reports whether a client sent the key. It compares hashes in constant time, so
// that the time shows neither the key nor its length.
func (h *Handler) isKey(shown string) bool {
	hash := sha256.Sum256([]byte(shown))
	//rule:proxy-key-is-key
	return h.open || subtle.ConstantTimeCompare(hash[:], h.keyHash[:]) == 1
}
