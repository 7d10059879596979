// Package rehearsal makes requests fail on request: by faults, network rules and rate
// limits. It also has the emulator's clock, and the gate that holds requests back during
// a reset.
package rehearsal

import (
	"fmt"
	"net/http"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/rule"
)

// Config is what a [Rehearsal] needs; all is required.
type Config struct {
	Clock    *Clock
	Store    *principal.Store
	Verifier *principal.Verifier
	Entra    *entra.Tokens
	// Record completes a decision from its request, and writes it.
	Record func(r *http.Request, d decisions.Entry)
	// RefuseStorage and FailStorage answer in the words of Azure storage.
	RefuseStorage func(w http.ResponseWriter)
	FailStorage   func(w http.ResponseWriter, status int)
}

// Rehearsal is the part of an emulator that makes requests fail on purpose.
type Rehearsal struct {
	Config
	Faults Faults
	Limits Limits
	Gate   Gate
}

// New returns a rehearsal in which nothing fails.
func New(c Config) *Rehearsal {
	h := &Rehearsal{Config: c}
	h.Faults.now = c.Clock.Now
	h.Faults.known = func(registry string) bool {
		_, ok := c.Store.RegistryByName(registry)
		return ok
	}
	return h
}

// Concerns reports whether a request to a registry may have to fail.
func (h *Rehearsal) Concerns(reg *principal.RegistrySettings) bool {
	return h.Faults.on.Load() || reg.Firewall() != nil || h.Limits.on.Load()
}

// Apply applies the network rules first, as a firewall does, then faults, then
// rate limits. It reports whether one of them answered the request; if not, the
// request goes on with the writer it returns.
func (h *Rehearsal) Apply(w http.ResponseWriter, r *http.Request, to route.Route,
	reg *principal.RegistrySettings) (next http.ResponseWriter, finish func(), done bool) {
	nothing := func() {}
	class := to.Class()
	if class == "" {
		return w, nothing, false
	}
	if reg.Firewall() != nil && to.Service.OfRegistry() {
		if addr, ok := Allows(reg.Firewall(), r); !ok {
			h.note(r, reg, decisions.Denied, rule.NetworkRule, "the network rules do not allow "+addr)
			commonHeaders(w, class)
			answer.Errors(w, http.StatusForbidden, "DENIED",
				fmt.Sprintf(
					"client with IP '%s' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
					addr))
			return w, nothing, true
		}
	}
	if h.Faults.on.Load() {
		if x, ok := h.Faults.pick(r, class, reg.Name, func() string { return h.claimed(r, reg, to).Name }); ok {
			h.note(r, reg, decisions.Faulted, rule.OfFault(x.Kind), x.String())
			return effects[x.Kind].inject(h, w, r, x)
		}
	}
	if h.Limits.on.Load() && to.Service.OfRegistry() {
		if wait, why := h.Limits.take(reg, r.Method, class, func() principal.Principal {
			return h.claimed(r, reg, to)
		}, h.Clock.Now()); wait > 0 {
			h.note(r, reg, decisions.Faulted, rule.RateLimit, why)
			w.Header().Set("Retry-After", fmt.Sprint(wait))
			fail(w, r, class, http.StatusTooManyRequests)
			return w, nothing, true
		}
	}
	return w, nothing, false
}

// ApplyStorage is [Rehearsal.Apply] for a request to the host of blobs. The network
// rules of the registry hold there too, as they do at a registry's dedicated data
// endpoint. A request there names no principal.
func (h *Rehearsal) ApplyStorage(w http.ResponseWriter, r *http.Request, reg *principal.RegistrySettings) (
	next http.ResponseWriter, finish func(), done bool,
) {
	nothing := func() {}
	if reg.Firewall() != nil {
		if addr, allowed := Allows(reg.Firewall(), r); !allowed {
			h.note(r, reg, decisions.Denied, rule.NetworkRule,
				"the network rules do not allow "+addr+" at the host of blobs")
			h.RefuseStorage(w)
			return w, nothing, true
		}
	}
	if !h.Faults.on.Load() {
		return w, nothing, false
	}
	x, ok := h.Faults.pick(r, fault.RouteStorage, reg.Name, func() string { return "" })
	if !ok {
		return w, nothing, false
	}
	h.note(r, reg, decisions.Faulted, rule.OfFault(x.Kind), x.String())
	e := effects[x.Kind]
	if e.storage == nil {
		return e.inject(h, w, r, x)
	}
	return answering(func(w http.ResponseWriter, _ *http.Request, x hit) {
		h.FailStorage(w, e.storage(x.Fault))
	})(h, w, r, x)
}

// note writes to the decision log why a request ended before its credential was checked.
func (h *Rehearsal) note(r *http.Request, reg *principal.RegistrySettings, outcome string, id rule.ID, reason string) {
	h.Record(r, decisions.Entry{Registry: reg.Name, Outcome: outcome, RuleID: id, Reason: reason})
}
