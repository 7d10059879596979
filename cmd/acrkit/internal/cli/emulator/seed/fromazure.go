package seed

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/scopemap"
)

// importTenant is the tenant of an imported seed: that of the example, as Azure Resource
// Manager does not say the real one of a registry.
const importTenant = "11111111-1111-1111-1111-111111111111"

// fromAzure is a registry as Azure Resource Manager has it, on its way into a seed.
type fromAzure struct {
	subscription, group, name string
	id                        string // the registry's resource id

	settings     manage.Settings
	scopeMaps    []manage.ScopeMap
	tokens       []manage.Token
	assignments  []manage.Assignment
	roles        map[string]manage.Role // by [manage.Assignment.RoleKey]
	repositories []string

	custom  []seed.RoleDefinition // of the assignments, each once
	leftOut []string              // a sentence each
}

func (x *fromAzure) leave(format string, args ...any) {
	x.leftOut = append(x.leftOut, fmt.Sprintf(format, args...))
}

// seed returns what an emulator can hold of it. Principals are applications whose client
// ids are the object ids, as nothing but these is known.
func (x *fromAzure) seed() *seed.Seed {
	group := seed.ResourceGroup{Name: x.group, Location: x.settings.Location}
	subscription := seed.Subscription{ID: x.subscription, TenantID: importTenant}
	reg := seed.Registry{Name: x.name, Subscription: x.subscription, ResourceGroup: x.group, SKU: x.settings.SKU,
		AdminUserEnabled: x.settings.AdminUser, AnonymousPullEnabled: x.settings.AnonymousPull}
	if x.settings.ABAC {
		reg.RoleAssignmentMode = "AbacRepositoryPermissions"
	}
	if !x.settings.ARMTokens {
		reg.ArmTokenPolicy = "disabled"
	}
	principals := map[string]string{} // types by object id
	for _, a := range x.assignments {
		out, ok := x.assignment(a)
		if !ok {
			continue
		}
		principals[out.ClientID] = a.PrincipalType
		switch {
		case strings.EqualFold(a.Scope, x.id):
			reg.RoleAssignments = append(reg.RoleAssignments, out)
		case strings.EqualFold(a.Scope, "/subscriptions/"+x.subscription+"/resourceGroups/"+x.group):
			group.RoleAssignments = append(group.RoleAssignments, out)
		default: // or above it: a management group has no seed
			subscription.RoleAssignments = append(subscription.RoleAssignments, out)
		}
	}
	tenant := seed.Tenant{ID: importTenant}
	for _, id := range slices.Sorted(maps.Keys(principals)) {
		tenant.Applications = append(tenant.Applications, seed.Application{ClientID: id, ObjectID: id,
			DisplayName: cmp.Or(principals[id], "principal")})
	}
	x.rights(&reg)
	for _, name := range x.repositories {
		r := seed.Repository{Name: name, Images: []seed.Image{{Tags: []string{"latest"}}}}
		if err := r.Check(); err != nil {
			x.leave("the repository %q: %s", name, wording.Reason(err))
			continue
		}
		reg.Repositories = append(reg.Repositories, r)
	}
	subscription.ResourceGroups = []seed.ResourceGroup{group}
	return &seed.Seed{Tenants: []seed.Tenant{tenant}, Subscriptions: []seed.Subscription{subscription},
		RoleDefinitions: x.custom, Registries: []seed.Registry{reg}}
}

func (x *fromAzure) assignment(a manage.Assignment) (seed.RoleAssignment, bool) {
	role, ok := x.roles[a.RoleKey()]
	if !ok {
		x.leave("a role of %s whose definition could not be read", a.PrincipalID)
		return seed.RoleAssignment{}, false
	}
	out := seed.RoleAssignment{ClientID: strings.ToLower(a.PrincipalID), Role: role.Name, Condition: a.Condition}
	err := error(nil)
	if !role.BuiltIn {
		err = x.define(a.RoleKey(), role)
	}
	if err == nil {
		err = out.Check(x.custom...)
	}
	if err != nil {
		x.leave("the role %q of %s: %s", role.Name, a.PrincipalID, wording.Reason(err))
		return seed.RoleAssignment{}, false
	}
	return out, true
}

// define adds a custom role to the seed, once. In the seed it can be assigned in the
// registry's subscription.
func (x *fromAzure) define(id string, role manage.Role) error {
	if slices.ContainsFunc(x.custom, func(d seed.RoleDefinition) bool { return d.ID == id }) {
		return nil
	}
	if n := len(role.Permissions); n != 1 {
		return fmt.Errorf("it has %d permissions, and a seed's has one", n)
	}
	p := role.Permissions[0]
	d := seed.RoleDefinition{ID: id, Name: role.Name, Description: role.Description, Actions: p.Actions,
		NotActions: p.NotActions, DataActions: p.DataActions, NotDataActions: p.NotDataActions}
	if err := d.Check(); err != nil {
		return err
	}
	x.custom = append(x.custom, d)
	return nil
}

// rights adds the scope maps and tokens that an emulator can hold.
func (x *fromAzure) rights(reg *seed.Registry) {
	there := map[string]bool{} // scope maps, by name in lower case
	for _, m := range scopemap.System() {
		there[strings.ToLower(m.Name)] = true
	}
	for _, m := range x.scopeMaps {
		if m.System {
			continue
		}
		out := seed.ScopeMap{Name: m.Name, Description: m.Description, Actions: m.Actions}
		if err := out.Check(); err != nil {
			x.leave("the scope map %q: %s", m.Name, wording.Reason(err))
			continue
		}
		there[strings.ToLower(m.Name)] = true
		reg.ScopeMaps = append(reg.ScopeMaps, out)
	}
	for _, t := range x.tokens {
		out := seed.Token{Name: t.Name, ScopeMap: t.ScopeMap}
		if !t.Enabled {
			out.Status = "disabled"
		}
		err := out.Check()
		switch {
		case err != nil:
			x.leave("the token %q: %s", t.Name, wording.Reason(err))
			continue
		case !there[strings.ToLower(t.ScopeMap)]:
			x.leave("the token %q: its scope map %q is left out", t.Name, t.ScopeMap)
			continue
		}
		for _, p := range t.Passwords {
			out.Passwords = append(out.Passwords, seed.Password{Name: string(p.Slot), Expires: p.Expires})
		}
		reg.Tokens = append(reg.Tokens, out)
	}
}

// named returns the repositories that scope maps name, without patterns, in order.
func named(all []manage.ScopeMap) (names []string) {
	for _, m := range all {
		for _, line := range m.Actions {
			if r, err := scopemap.ParseRule(line); err == nil && !r.IsGateway() && !r.Pattern.IsWildcard() {
				names = append(names, string(r.Pattern))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
