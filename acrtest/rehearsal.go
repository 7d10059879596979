package acrtest

import (
	"net/netip"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
)

// Clock returns the registry's clock, to freeze, set and advance. Tokens and
// passwords expire by it; clients learn it from the Date header.
func (r *Registry) Clock() *emulator.Clock { return r.em.Clock() }

// Advance moves the registry's clock on.
func (r *Registry) Advance(d time.Duration) {
	r.tb.Helper()
	if err := r.em.Clock().Advance(d); err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
}

// Fault makes requests fail from now on, until the function it returns is called,
// the fault's count is reached, or the test ends. Push's own requests are hit, too.
func (r *Registry) Fault(f fault.Fault) (remove func()) {
	r.tb.Helper()
	f, err := r.em.AddFault(f)
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
	return func() { _ = r.em.RemoveFault(f.ID) } // it may have ended by its count
}

// SetLifetimes changes how long the tokens issued from now on can be used.
func (r *Registry) SetLifetimes(l seed.Lifetimes) {
	r.tb.Helper()
	if err := r.em.SetLifetimes(r.tb.Context(), l); err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
}

// DisableToken disables a token; access tokens that it has are refused at once.
func (r *Registry) DisableToken(name string) { r.setToken(name, false) }

// EnableToken enables a token that was disabled.
func (r *Registry) EnableToken(name string) { r.setToken(name, true) }

func (r *Registry) setToken(name string, enabled bool) {
	r.tb.Helper()
	if err := r.reg.SetTokenStatus(r.tb.Context(), name, enabled); err != nil {
		r.tb.Fatalf("acrtest: token %q: %v", name, err)
	}
}

// ExpirePassword makes a token's password, password1 or password2, expire now.
func (r *Registry) ExpirePassword(token, password string) {
	r.tb.Helper()
	if err := r.reg.ExpirePassword(r.tb.Context(), token, password, time.Time{}); err != nil {
		r.tb.Fatalf("acrtest: %s of token %q: %v", password, token, err)
	}
}

// RegeneratePassword makes a new password1 or password2 of a token and returns
// it. The old one is refused from now on.
func (r *Registry) RegeneratePassword(token, password string) string {
	r.tb.Helper()
	p, err := r.reg.GeneratePasswords(r.tb.Context(), token, time.Time{}, password)
	if err != nil {
		r.tb.Fatalf("acrtest: %s of token %q: %v", password, token, err)
	}
	return string(p[0].Value)
}

// DenyNetwork answers 403 to every address outside the given networks; without
// arguments, to all addresses. AllowNetwork ends it.
func (r *Registry) DenyNetwork(except ...netip.Prefix) {
	r.tb.Helper()
	r.network(emulator.NetworkRules{Deny: true, Allow: except})
}

// AllowNetwork allows all addresses.
func (r *Registry) AllowNetwork() {
	r.tb.Helper()
	r.network(emulator.NetworkRules{})
}

func (r *Registry) network(n emulator.NetworkRules) {
	r.tb.Helper()
	err := r.reg.ChangeSettings(r.tb.Context(), func(s *emulator.RegistrySettings) { s.Network = n })
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
}

// Snapshot takes a snapshot of the registry's state, to [Registry.Reset] to.
func (r *Registry) Snapshot(name string) {
	r.tb.Helper()
	if _, err := r.em.TakeSnapshot(r.tb.Context(), name); err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
}

// Reset replaces the registry's state by a snapshot's; "" is the state after the
// seed. Tokens that are not in it do not exist afterwards.
func (r *Registry) Reset(snapshot string) {
	r.tb.Helper()
	r.mu.Lock()
	r.setup = nil // its token may be gone; the transport is closed at the test's end
	r.mu.Unlock()
	if err := r.em.Reset(r.tb.Context(), snapshot); err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
}
