package emulator

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
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
	err = e.write.Update(ctx, func(tx *write.Tx) error {
		tx.PutMeta(metaLifetimes, data)
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
const MaxIPRules = service.MaxIPRules

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
	return settingsOf(reg.Name, reg.SKU, write.SettingsOf(reg)), nil
}

func settingsOf(name, sku string, s write.Settings) RegistrySettings {
	return RegistrySettings{Name: name, SKU: sku, AdminUser: s.AdminUser, AnonymousPull: s.AnonymousPull,
		RoleAssignmentMode: s.RoleAssignmentMode, ArmTokens: s.ArmTokens, Network: NetworkRules{s.Deny, s.Allow}}
}

// ChangeSettings calls change with the settings and stores the result. Name and SKU
// cannot be changed: changes of them have no effect.
//
// Errors: [acrkit.CodeUsage] for invalid settings: another word for the mode, more
// than [MaxIPRules], IP rules while all addresses are allowed, and anonymous pull in
// the tier Basic, which has none.
func (r *Registry) ChangeSettings(ctx context.Context, change func(*RegistrySettings)) error {
	return r.update(ctx, func(w *write.Registry) error {
		next := w.Settings()
		s := settingsOf(w.Name(), w.SKU(), next)
		change(&s)
		next.AdminUser, next.AnonymousPull, next.RoleAssignmentMode, next.ArmTokens =
			s.AdminUser, s.AnonymousPull, s.RoleAssignmentMode, s.ArmTokens
		next.Deny, next.Allow = s.Network.Deny, s.Network.Allow
		return w.PutSettings(next)
	})
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
	return r.update(ctx, func(w *write.Registry) error { return w.ExpirePassword(token, slot, at) })
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
