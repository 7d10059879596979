package acrtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
)

// Request is one request on the wire.
type Request struct {
	Method string
	Path   string // escaped as it was sent, without its query
	Query  string
	Status int // 0 if the connection ended without an answer
	Bearer bool
}

// String returns "GET /v2/ 401".
func (r Request) String() string { return fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status) }

// Requests are requests in the order in which they were answered.
type Requests []Request

// Count returns how many have the method ("" means any) and a path with the prefix.
func (rs Requests) Count(method, pathPrefix string) int {
	n := 0
	for _, r := range rs {
		if (method == "" || method == r.Method) && strings.HasPrefix(r.Path, pathPrefix) {
			n++
		}
	}
	return n
}

// Lines returns the requests as text, for comparing.
func (rs Requests) Lines() []string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, r.String())
	}
	return out
}

// recorder keeps what the emulator saw.
type recorder struct {
	mu  sync.Mutex
	log Requests
}

// setupHeader marks the requests with which Push fills the registry: they are
// the setup's, not the test's.
const setupHeader = "Acrtest-Setup"

func (c *recorder) observe(r *http.Request, status int) {
	if r.Header.Get(setupHeader) != "" {
		return
	}
	x := Request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Status: status,
		Bearer: strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ")}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, x)
}

// marked adds the mark of the setup.
type marked struct{ base http.RoundTripper }

func (m marked) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set(setupHeader, "1")
	return m.base.RoundTrip(req)
}

// Requests returns the requests that arrived since the start or the last
// [Registry.ResetRequests], from the clients of this package and from other
// programs, token requests and requests to Entra included. Those of Push are left out.
func (r *Registry) Requests() Requests {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return slices.Clone(r.log.log)
}

// ResetRequests empties the request log.
func (r *Registry) ResetRequests() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.log = nil
}

// Decisions returns the registry's decision log: who asked for what, and which rule
// allowed it or which right was missing.
func (r *Registry) Decisions() []emulator.Decision {
	r.tb.Helper()
	return r.decisions(emulator.DecisionFilter{})
}

// Denied returns the decisions that refused.
func (r *Registry) Denied() []emulator.Decision {
	r.tb.Helper()
	return r.decisions(emulator.DecisionFilter{Outcome: emulator.OutcomeDenied})
}

// DeniedRules returns the rule of each denial, in their order: [rule.PasswordExpired].
// The log has what no answer says, such as whether a password is expired or wrong.
func (r *Registry) DeniedRules() []rule.ID {
	r.tb.Helper()
	var out []rule.ID
	for _, d := range r.Denied() {
		out = append(out, d.RuleID)
	}
	return out
}

// DeniedCauses returns the cause of each denial, in their order, by the codes of
// package diagnose ("ACRK033"). It is "" for what an earlier version wrote into a
// data folder without its rule.
func (r *Registry) DeniedCauses() []acrkit.Cause {
	r.tb.Helper()
	var out []acrkit.Cause
	for _, d := range r.Denied() {
		out = append(out, d.RuleID.Cause(d.Kind, d.Required, d.Missing))
	}
	return out
}

func (r *Registry) decisions(f emulator.DecisionFilter) []emulator.Decision {
	r.tb.Helper()
	var out []emulator.Decision
	for d, err := range r.em.Decisions(r.tb.Context(), f) {
		if err != nil {
			r.tb.Fatalf("acrtest: read the decision log: %v", err)
		}
		if d.Principal != setupToken {
			out = append(out, d)
		}
	}
	return out
}
