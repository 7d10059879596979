package emulator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/guid"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
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

// ApplicationName names an application and the tenant that it belongs to.
type ApplicationName struct{ TenantID, ClientID string }

// Applications returns the applications that may sign in, by client id.
func (e *Emulator) Applications() []ApplicationName {
	out := []ApplicationName{}
	for _, a := range e.ids.Applications() {
		out = append(out, ApplicationName{TenantID: a.TenantID, ClientID: a.ClientID})
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

// change stores a changed copy of the registry's settings.
func (r *Registry) change(ctx context.Context, f func(*principal.RegistrySettings)) error {
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		reg, err := r.settings()
		if err != nil {
			return err
		}
		next := *reg
		next.Assignments = slices.Clone(reg.Assignments)
		f(&next)
		c.Put(&next)
		return nil
	})
}

// SetAnonymousPull switches anonymous pull.
func (r *Registry) SetAnonymousPull(ctx context.Context, enabled bool) error {
	return r.change(ctx, func(x *principal.RegistrySettings) { x.Anonymous = enabled })
}

// SetAdminUser switches the admin user, whose name is the registry's.
func (r *Registry) SetAdminUser(ctx context.Context, enabled bool) error {
	return r.change(ctx, func(x *principal.RegistrySettings) { x.Admin = enabled })
}

// AdminPasswords returns the admin user's two passwords, whether or not it is
// enabled.
func (r *Registry) AdminPasswords() ([2]seed.Secret, error) {
	reg, err := r.settings()
	if err != nil {
		return [2]seed.Secret{}, err
	}
	keys := r.e.ids.Keys()
	return [2]seed.Secret{seed.Secret(keys.AdminPassword(reg, "password")), seed.Secret(keys.AdminPassword(reg, "password2"))}, nil
}

// AssignRole gives an application a role on the registry, beside those it has.
func (r *Registry) AssignRole(ctx context.Context, a seed.RoleAssignment) error {
	const op = "assign the role"
	if _, ok := r.e.ids.Application(a.ClientID); !ok {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "clientId: names no application"}
	}
	if err := a.Check(); err != nil {
		return refusal.Of(op, err)
	}
	return r.change(ctx, func(x *principal.RegistrySettings) { x.Assignments = append(x.Assignments, principal.Assignment(a)) })
}

// RemoveRoles takes all of an application's roles on the registry away.
func (r *Registry) RemoveRoles(ctx context.Context, clientID string) error {
	return r.change(ctx, func(x *principal.RegistrySettings) {
		x.Assignments = slices.DeleteFunc(x.Assignments, func(a principal.Assignment) bool { return strings.EqualFold(a.ClientID, clientID) })
	})
}

// PutScopeMap makes or replaces a scope map. Tokens that have it have its new
// rights with the next request.
func (r *Registry) PutScopeMap(ctx context.Context, m scopemap.Map) error {
	const op = "store the scope map"
	spec := seed.ScopeMap{Name: m.Name, Description: m.Description, Actions: m.Lines()}
	if err := spec.Check(); err != nil {
		return refusal.Of(op, err)
	}
	if slices.ContainsFunc(scopemap.System(), func(x scopemap.Map) bool { return x.Name == m.Name }) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op,
			Reason: "name: " + refusal.Quote(m.Name) + " is one of the registry's own scope maps"}
	}
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		created := r.e.now().UTC()
		if old, ok := r.e.ids.StoredScopeMap(r.id, m.Name); ok {
			created = old.Created
		}
		c.Put(&principal.ScopeMap{RegistryID: r.id, Name: m.Name, Description: m.Description, Actions: spec.Actions, Created: created})
		return nil
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
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		m, ok := r.e.ids.StoredScopeMap(r.id, name)
		if !ok {
			return refusal.NotFound("scope map", name)
		}
		c.RemoveScopeMap(m)
		return nil
	})
}

// TokenSpec is a token to be made, or as it is.
type TokenSpec struct {
	Name     string
	ScopeMap string
	Disabled bool
}

// PutToken makes or changes a token. A new one has no passwords; one that is
// changed keeps its own.
func (r *Registry) PutToken(ctx context.Context, t TokenSpec) error {
	const op = "store the token"
	bad := func(reason string) error { return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: reason} }
	if err := (&seed.Token{Name: t.Name, ScopeMap: t.ScopeMap}).Check(); err != nil {
		return refusal.Of(op, err)
	}
	if _, ok := r.e.ids.ScopeMap(r.id, t.ScopeMap); !ok {
		return bad("scopeMap: there is no scope map " + refusal.Quote(t.ScopeMap) + " in this registry")
	}
	if strings.EqualFold(t.Name, r.name) {
		return bad("name: is the name of the registry, which is its admin user's")
	}
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		next := principal.Token{RegistryID: r.id, Name: t.Name, Created: r.e.now().UTC()}
		if old, ok := r.e.ids.Token(r.id, t.Name); ok {
			next = *old
		}
		next.ScopeMap, next.Enabled = t.ScopeMap, !t.Disabled
		c.Put(&next)
		return nil
	})
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
	return r.changeToken(ctx, name, func(t *principal.Token) { t.Enabled = enabled })
}

// DeleteToken removes a token with its passwords.
func (r *Registry) DeleteToken(ctx context.Context, name string) error {
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		t, ok := r.e.ids.Token(r.id, name)
		if !ok {
			return refusal.NotFound("token", name)
		}
		c.RemoveToken(t)
		return nil
	})
}

func (r *Registry) changeToken(ctx context.Context, name string, f func(*principal.Token)) error {
	return r.e.ids.Update(ctx, func(c *principal.Change) error {
		t, ok := r.e.ids.Token(r.id, name)
		if !ok {
			return refusal.NotFound("token", name)
		}
		next := *t
		next.Passwords = slices.Clone(t.Passwords)
		f(&next)
		c.Put(&next)
		return nil
	})
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
func (r *Registry) GeneratePasswords(ctx context.Context, token string, expires time.Time, slots ...string) ([]Password, error) {
	if len(slots) == 0 {
		slots = []string{service.Password1, service.Password2}
	}
	var out []Password
	for i, slot := range slots {
		if !service.IsSlot(slot) || slices.Contains(slots[:i], slot) {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "generate passwords",
				Reason: fmt.Sprintf("%s is neither password1 nor password2, or occurs twice", refusal.Quote(slot))}
		}
		out = append(out, Password{Name: slot, Value: seed.Secret(principal.NewPassword()), Created: r.e.now().UTC(), Expires: expires})
	}
	return out, r.setPasswords(ctx, token, out, true)
}

// SetPassword gives a token a password of the caller's choice, which the service
// does not allow: for tests that want to know it beforehand.
func (r *Registry) SetPassword(ctx context.Context, token string, p seed.Password) error {
	if err := p.Check(); err != nil {
		return refusal.Of("set the password", err)
	}
	return r.setPasswords(ctx, token, []Password{{Name: p.Name, Value: p.Value, Created: r.e.now().UTC(), Expires: p.Expires}}, false)
}

func (r *Registry) setPasswords(ctx context.Context, token string, passwords []Password, generated bool) error {
	reg, err := r.settings()
	if err != nil {
		return err
	}
	return r.changeToken(ctx, token, func(t *principal.Token) {
		for _, p := range passwords {
			t.Passwords = slices.DeleteFunc(t.Passwords, func(x principal.Password) bool { return x.Slot == p.Name })
			next := r.e.ids.Keys().NewPasswordOf(reg, t.Name, p.Name, string(p.Value), p.Created, p.Expires)
			next.Generated = generated
			t.Passwords = append(t.Passwords, next)
		}
		slices.SortFunc(t.Passwords, func(a, b principal.Password) int { return strings.Compare(a.Slot, b.Slot) })
	})
}

// PutApplication makes or replaces an application with its secrets, in a tenant
// that is made where there is none.
func (e *Emulator) PutApplication(ctx context.Context, tenantID string, a seed.Application) error {
	if err := (&seed.Tenant{ID: tenantID, Applications: []seed.Application{a}}).Check(); err != nil {
		return refusal.Of("store the application", err)
	}
	return e.ids.Update(ctx, func(c *principal.Change) error {
		if _, ok := e.ids.Tenant(tenantID); !ok {
			c.Put(&principal.Tenant{ID: strings.ToLower(tenantID)})
		}
		c.Put(e.application(strings.ToLower(tenantID), a))
		return nil
	})
}

// application returns the stored form of an application, with the object id of
// the one it replaces.
func (e *Emulator) application(tenant string, a seed.Application) *principal.Application {
	out := &principal.Application{TenantID: tenant, ClientID: strings.ToLower(a.ClientID), ObjectID: guid.New(), DisplayName: a.DisplayName}
	if old, ok := e.ids.Application(a.ClientID); ok {
		out.ObjectID = old.ObjectID
	}
	for _, s := range a.Secrets {
		secret := e.ids.Keys().NewSecret(out.ClientID, string(s.Value), s.Expires)
		//rule:value-from-application
		secret.Private = s.IsPrivate()
		out.Secrets = append(out.Secrets, secret)
	}
	keysOf(out, a)
	return out
}
