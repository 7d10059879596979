package emulator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

// Registry is a handle on one of the emulator's registries, for what ARM would
// do: scope maps, tokens, passwords, settings. Changes are durable when a method
// returns, and hold for the next request.
type Registry struct {
	e    *Emulator
	id   int64
	name string
}

// Registry returns a registry by its name, "" the first.
//
// Errors: [acrkit.CodeNotFound].
func (e *Emulator) Registry(name string) (*Registry, error) {
	r, ok := e.ids.First()
	if name != "" {
		r, ok = e.ids.RegistryByName(name)
	}
	if !ok {
		return nil, refusal.NotFound("registry", name)
	}
	return &Registry{e, r.ID, r.Name}, nil
}

// Registries returns the names of the registries, the first first.
func (e *Emulator) Registries() []string {
	var names []string
	for _, r := range e.ids.Registries() {
		names = append(names, r.Name)
	}
	return names
}

// Name returns the registry's name.
func (r *Registry) Name() string { return r.name }

// settings returns the registry as it is now.
func (r *Registry) settings() (*principal.RegistrySettings, error) {
	reg, ok := r.e.ids.Registry(r.id)
	if !ok {
		return nil, refusal.NotFound("registry", r.name)
	}
	return reg, nil
}

// ApplicationName names an application, the tenant that it belongs to, and its service principal.
type ApplicationName struct {
	TenantID, ClientID string
	ObjectID           string // of the service principal
	Manages            bool   // it has a role on a subscription or on a resource group
}

// Applications returns the applications that may sign in, by client id.
func (e *Emulator) Applications() []ApplicationName {
	out := []ApplicationName{}
	for _, a := range e.ids.Applications() {
		manages := slices.ContainsFunc(e.ids.AssignmentsOf(a.ClientID), func(x *principal.Assignment) bool {
			return !strings.Contains(x.Scope, "/providers/")
		})
		out = append(out, ApplicationName{a.TenantID, a.ClientID, a.ObjectID, manages})
	}
	return out
}

// Subscriptions returns the ids of the subscriptions, in the order in which they
// were made.
func (e *Emulator) Subscriptions() []string {
	out := []string{}
	for _, s := range e.ids.Subscriptions() {
		out = append(out, s.ID)
	}
	return out
}

// update makes a change of the registry.
func (r *Registry) update(ctx context.Context, f func(*write.Registry) error) error {
	return r.e.write.UpdateRegistry(ctx, r.id, r.name, f)
}

// SetAnonymousPull switches anonymous pull.
//
// Errors: [acrkit.CodeUsage] in the tier Basic, which has none.
func (r *Registry) SetAnonymousPull(ctx context.Context, enabled bool) error {
	return r.ChangeSettings(ctx, func(s *RegistrySettings) { s.AnonymousPull = enabled })
}

// SetAdminUser switches the admin user, whose name is the registry's.
func (r *Registry) SetAdminUser(ctx context.Context, enabled bool) error {
	return r.ChangeSettings(ctx, func(s *RegistrySettings) { s.AdminUser = enabled })
}

// AdminPasswords returns the admin user's two passwords, whether or not it is
// enabled.
func (r *Registry) AdminPasswords() ([2]seed.Secret, error) {
	reg, err := r.settings()
	if err != nil {
		return [2]seed.Secret{}, err
	}
	keys := r.e.ids.Keys()
	return [2]seed.Secret{seed.Secret(keys.AdminPassword(reg, "password")),
		seed.Secret(keys.AdminPassword(reg, "password2"))}, nil
}

// AssignRole gives an application a role on the registry, beside those it has.
func (r *Registry) AssignRole(ctx context.Context, a seed.RoleAssignment) error {
	return r.update(ctx, func(w *write.Registry) error { return w.AssignRole(a) })
}

// RemoveRoles takes all of an application's roles on the registry away.
func (r *Registry) RemoveRoles(ctx context.Context, clientID string) error {
	return r.update(ctx, func(w *write.Registry) error { w.RemoveRoles(clientID); return nil })
}

// PutScopeMap makes or replaces a scope map. Tokens that have it have its new
// rights with the next request.
//
// Errors: [acrkit.CodeUsage] for an invalid one; [acrkit.CodeTooLarge] for more than the
// registry's tier allows.
func (r *Registry) PutScopeMap(ctx context.Context, m scopemap.Map) error {
	return r.update(ctx, func(w *write.Registry) error {
		return w.PutScopeMap(seed.ScopeMap{Name: m.Name, Description: m.Description, Actions: m.Lines()})
	})
}

// ScopeMap returns a scope map, one of the registry's own included.
func (r *Registry) ScopeMap(name string) (scopemap.Map, error) {
	m, ok := r.e.ids.ScopeMap(r.id, name)
	if !ok {
		return scopemap.Map{}, refusal.NotFound("scope map", name)
	}
	return m, nil
}

// DeleteScopeMap removes a scope map. Tokens that had it keep its name and have
// no rights.
func (r *Registry) DeleteScopeMap(ctx context.Context, name string) error {
	return r.update(ctx, func(w *write.Registry) error { return w.DeleteScopeMap(name) })
}

// TokenSpec is a token to be made, or as it is.
type TokenSpec struct {
	Name     string
	ScopeMap string
	Disabled bool
}

// PutToken makes or changes a token. A new one has no passwords; one that is
// changed keeps its own.
//
// Errors: [acrkit.CodeUsage] for an invalid one and an unknown scope map;
// [acrkit.CodeTooLarge] for more than the registry's tier allows.
func (r *Registry) PutToken(ctx context.Context, t TokenSpec) error {
	return r.update(ctx, func(w *write.Registry) error { return w.PutToken(write.Token(t)) })
}

// Token returns a token as it is.
func (r *Registry) Token(name string) (TokenSpec, error) {
	t, ok := r.e.ids.Token(r.id, name)
	if !ok {
		return TokenSpec{}, refusal.NotFound("token", name)
	}
	return TokenSpec{Name: t.Name, ScopeMap: t.ScopeMap, Disabled: !t.Enabled}, nil
}

// SetTokenStatus enables or disables a token.
func (r *Registry) SetTokenStatus(ctx context.Context, name string, enabled bool) error {
	return r.changeToken(ctx, name, write.TokenChange{Enabled: &enabled})
}

func (r *Registry) changeToken(ctx context.Context, name string, change write.TokenChange) error {
	return r.update(ctx, func(w *write.Registry) error { return w.ChangeToken(name, change) })
}

// DeleteToken removes a token with its passwords.
func (r *Registry) DeleteToken(ctx context.Context, name string) error {
	return r.update(ctx, func(w *write.Registry) error { return w.DeleteToken(name) })
}

// Password is a password of a token. Value is there only where it was just
// generated.
type Password struct {
	Name    string // password1 or password2
	Value   seed.Secret
	Created time.Time
	Expires time.Time // zero = never
}

// GeneratePasswords makes new passwords for a token: in the named slots, or in
// both where none is named. The old ones stop to work. A zero expires never
// expires. The values are not stored; this is the only time they can be read.
func (r *Registry) GeneratePasswords(ctx context.Context, token string, expires time.Time,
	slots ...string) ([]Password, error) {
	var out []Password
	err := r.update(ctx, func(w *write.Registry) error {
		made, err := w.GeneratePasswords(token, write.NewPasswords{Slots: slots, Expires: expires})
		for _, p := range made {
			out = append(out, Password(p))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SetPassword gives a token a password of the caller's choice, which the service
// does not allow: for tests that want to know it beforehand.
func (r *Registry) SetPassword(ctx context.Context, token string, p seed.Password) error {
	return r.update(ctx, func(w *write.Registry) error { return w.SetPassword(token, p) })
}

// PutRoleDefinition makes a custom role, or replaces the one of its id, or of its name if it
// has no id. Without assignable scopes it can be assigned in all subscriptions.
//
// Errors: [acrkit.CodeUsage], and [acrkit.CodeConflict] if another role has its name, or if
// it is assigned on what its scopes no longer have.
func (e *Emulator) PutRoleDefinition(ctx context.Context, d seed.RoleDefinition) error {
	if len(d.AssignableScopes) == 0 {
		for _, s := range e.ids.Subscriptions() {
			d.AssignableScopes = append(d.AssignableScopes, principal.SubscriptionID(s.ID))
		}
	}
	err := e.write.Update(ctx, func(tx *write.Tx) error { return tx.PutRoleDefinition(d, "") })
	if errors.Is(err, write.ErrRoleNameTaken) || errors.Is(err, write.ErrRoleAssigned) {
		return &acrkit.Error{Code: acrkit.CodeConflict, Op: "define the role", Reason: err.Error()}
	}
	return err
}

// PutApplication makes or replaces an application with its secrets, in a tenant
// that is made where there is none.
func (e *Emulator) PutApplication(ctx context.Context, tenantID string, a seed.Application) error {
	return e.write.Update(ctx, func(tx *write.Tx) error { return tx.PutApplication(tenantID, a) })
}
