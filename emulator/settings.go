package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

// Lifetimes returns how long tokens can be used; zero is the documented lifetime.
func (e *Emulator) Lifetimes() seed.Lifetimes { return seed.Lifetimes(*e.lifetimes.Load()) }

// SetLifetimes sets how long tokens that are issued from now on can be used; zero is
// the documented lifetime. It is durable.
//
// Errors: [acrkit.CodeUsage] for one below a second or above a day.
func (e *Emulator) SetLifetimes(ctx context.Context, l seed.Lifetimes) error {
	if err := l.Check(); err != nil {
		return refusal.Of("set the token lifetimes", err)
	}
	data, err := json.Marshal(principal.Lifetimes(l))
	if err != nil {
		return err
	}
	err = e.ids.Update(ctx, func(c *principal.Change) error {
		c.Put(&principal.Meta{Name: metaLifetimes, Value: data})
		return nil
	})
	if err != nil {
		return err
	}
	return e.loadLifetimes()
}

// RegistrySettings are a registry's settings as they are.
type RegistrySettings struct {
	Name               string
	SKU                string
	AdminUser          bool
	AnonymousPull      bool
	RoleAssignmentMode string // LegacyRegistryPermissions or AbacRepositoryPermissions
	ArmTokens          bool   // whether Entra tokens for Azure Resource Manager are taken
	Network            NetworkRules
}

// MaxIPRules is how many IP rules a registry can have (recorded: listUsages).
//
//rule:emulator-limits-max-ip-rules
const MaxIPRules = 100

// NetworkRules say which addresses may reach a registry: its data plane and its
// token service. They do not apply to Entra and Azure Resource Manager. Other
// clients get 403.
type NetworkRules struct {
	Deny  bool           // refuse all addresses outside Allow
	Allow []netip.Prefix // addresses and networks that are not refused
}

// Settings returns the registry's settings.
func (r *Registry) Settings() (RegistrySettings, error) {
	reg, err := r.settings()
	if err != nil {
		return RegistrySettings{}, err
	}
	s := RegistrySettings{Name: reg.Name, SKU: reg.SKU, AdminUser: reg.Admin, AnonymousPull: reg.Anonymous,
		RoleAssignmentMode: cmp.Or(reg.Mode, service.ModeLegacy), ArmTokens: !reg.NoArmTokens}
	if reg.Network != nil {
		s.Network.Deny = true
		for _, text := range reg.Network.Allow {
			if p, err := netip.ParsePrefix(text); err == nil {
				s.Network.Allow = append(s.Network.Allow, p)
			}
		}
	}
	return s, nil
}

// ChangeSettings calls change with the settings and stores the result. Name and SKU
// cannot be changed: changes of them have no effect.
//
// Errors: [acrkit.CodeUsage] for invalid settings: another word for the mode, more
// than [MaxIPRules], IP rules while all addresses are allowed, and anonymous pull in
// the tier Basic, which has none.
func (r *Registry) ChangeSettings(ctx context.Context, change func(*RegistrySettings)) error {
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		s, err := r.Settings()
		if err != nil {
			return err
		}
		change(&s)
		rules, err := s.check()
		if err != nil {
			return err
		}
		reg, err := r.settings()
		if err != nil {
			return err
		}
		next := *reg
		next.Admin, next.Anonymous, next.Mode, next.NoArmTokens, next.Network = s.AdminUser, s.AnonymousPull, s.RoleAssignmentMode, !s.ArmTokens, rules
		c.Put(&next)
		return nil
	})
}

func (s *RegistrySettings) check() (rules *principal.Network, err error) {
	bad := func(format string, args ...any) (*principal.Network, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "change the registry's settings", Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case s.RoleAssignmentMode != service.ModeLegacy && s.RoleAssignmentMode != service.ModeABAC:
		return bad("the role assignment mode %s is neither %s nor %s", refusal.Quote(s.RoleAssignmentMode), service.ModeLegacy, service.ModeABAC)
	case s.AnonymousPull && s.SKU == "Basic":
		return bad("the tier Basic has no anonymous pull")
	case len(s.Network.Allow) > MaxIPRules:
		return bad("there are more than %d IP rules", MaxIPRules)
	case !s.Network.Deny && len(s.Network.Allow) > 0:
		return bad("IP rules mean nothing while all addresses are allowed")
	case !s.Network.Deny:
		return nil, nil
	}
	rules = &principal.Network{}
	for _, p := range s.Network.Allow {
		if !p.IsValid() {
			return bad("an IP rule is no address or network")
		}
		rules.Allow = append(rules.Allow, p.Masked().String())
	}
	return rules, nil
}

// ScopeMaps returns the registry's scope maps by name, its own ones last.
func (r *Registry) ScopeMaps() []scopemap.Map {
	var out []scopemap.Map
	for _, m := range r.e.ids.ScopeMaps(r.id) {
		out = append(out, m.Map())
	}
	return append(out, scopemap.System()...)
}

// TokenState is a token as it is, with its passwords, without their values.
type TokenState struct {
	TokenSpec
	Created   time.Time
	Passwords []Password
}

// Tokens returns the registry's tokens by name.
func (r *Registry) Tokens() []TokenState {
	out := []TokenState{}
	for _, t := range r.e.ids.Tokens(r.id) {
		if s, err := r.tokenState(t.Name); err == nil { // else it was deleted meanwhile
			out = append(out, s)
		}
	}
	return out
}

// ExpirePassword sets when a token's password expires; a zero time is now. It
// may be in the future.
//
// Errors: [acrkit.CodeNotFound] for an unknown token and a password that it does
// not have.
func (r *Registry) ExpirePassword(ctx context.Context, token, slot string, at time.Time) error {
	if at.IsZero() {
		at = r.e.now()
	}
	found := false
	err := r.changeToken(ctx, token, func(t *principal.Token) {
		if i := slices.IndexFunc(t.Passwords, func(p principal.Password) bool { return p.Slot == slot }); i >= 0 {
			t.Passwords[i].Expires, found = at.UTC(), true
		}
	})
	if err == nil && !found {
		return refusal.NotFound("password", slot)
	}
	return err
}

// tokenState returns a token as it is.
func (r *Registry) tokenState(name string) (TokenState, error) {
	t, ok := r.e.ids.Token(r.id, name)
	if !ok {
		return TokenState{}, refusal.NotFound("token", name)
	}
	s := TokenState{TokenSpec: TokenSpec{Name: t.Name, ScopeMap: t.ScopeMap, Disabled: !t.Enabled}, Created: t.Created}
	for _, p := range t.Passwords {
		s.Passwords = append(s.Passwords, Password{Name: p.Slot, Created: p.Created, Expires: p.Expires})
	}
	return s, nil
}

// patchToken changes what is not nil.
func (r *Registry) patchToken(ctx context.Context, name string, change control.TokenChange) error {
	if scopeMap := change.ScopeMap; scopeMap != nil {
		if _, ok := r.e.ids.ScopeMap(r.id, *scopeMap); !ok {
			return refusal.NotFound("scope map", *scopeMap)
		}
	}
	return r.changeToken(ctx, name, func(t *principal.Token) {
		set(&t.ScopeMap, change.ScopeMap)
		if change.Status != nil {
			t.Enabled = *change.Status == control.Enabled
		}
	})
}
