package seed

import (
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/internal/wording"
)

// The limits of a custom role. Source: Microsoft, "Azure custom roles" (name and
// description), and the limits of Azure RBAC (scopes).
const (
	maxRoleName   = 512  // characters
	maxRoleText   = 2048 // characters
	maxRoleScopes = 2000
)

// roleScopeRE is the form of a scope that a custom role can be assigned in: a subscription,
// a resource group or a registry.
var roleScopeRE = regexp.MustCompile(`(?i)^/subscriptions/([0-9a-f-]{36})` +
	`(/resourceGroups/[a-z0-9._()-]{1,90}(/providers/Microsoft\.ContainerRegistry/registries/[a-z0-9]{5,50})?)?$`)

// roles finds a role by its name; case does not matter.
type roles func(name string) (service.Role, bool)

// assignable reports whether a role can be assigned on a resource, by its id.
func (s *Seed) assignable(role, scope string) bool {
	i := slices.IndexFunc(s.RoleDefinitions, func(d RoleDefinition) bool { return strings.EqualFold(d.Name, role) })
	if i < 0 || len(s.RoleDefinitions[i].AssignableScopes) == 0 {
		return true
	}
	return slices.ContainsFunc(s.RoleDefinitions[i].AssignableScopes, func(x string) bool {
		return strings.HasPrefix(strings.ToLower(scope+"/"), strings.ToLower(x+"/"))
	})
}

// rolesWith returns the built-in roles and these.
func rolesWith(custom []RoleDefinition) roles {
	return func(name string) (service.Role, bool) {
		for _, d := range custom {
			if strings.EqualFold(d.Name, name) {
				return d.Role(), true
			}
		}
		return service.RoleByName(name)
	}
}

// Role returns the role that the definition is of.
func (d *RoleDefinition) Role() service.Role {
	return service.Role{ID: strings.ToLower(d.ID), Name: d.Name, Description: d.Description,
		Control: service.Control{Actions: d.Actions, NotActions: d.NotActions, DataActions: d.DataActions,
			NotDataActions: d.NotDataActions}}
}

// Check reports what in the role could not exist: a built-in role's name, an action that no
// operation has, a scope that is none. It does not know which subscriptions there are.
func (d *RoleDefinition) Check() error {
	return checked("role definition", func(p *problems) { d.check(p, "") })
}

func (s *Seed) checkRoleDefinitions(p *problems) {
	names, ids := unique{}, unique{}
	for i := range s.RoleDefinitions {
		d, path := &s.RoleDefinitions[i], item("", "roleDefinitions", i)
		d.check(p, path)
		names.add(p, path+".name", strings.ToLower(d.Name), "role")
		if d.ID != "" {
			ids.add(p, path+".id", strings.ToLower(d.ID), "role definition")
		}
		for j, scope := range d.AssignableScopes {
			m := roleScopeRE.FindStringSubmatch(scope)
			if m != nil && !s.hasSubscription(m[1]) {
				p.add(item(path, "assignableScopes", j), "is in no subscription of this seed")
			}
		}
	}
}

func (s *Seed) hasSubscription(id string) bool {
	for _, sub := range s.Subscriptions {
		if strings.EqualFold(sub.ID, id) {
			return true
		}
	}
	return false
}

func (d *RoleDefinition) check(p *problems, path string) {
	if d.ID != "" && !guid.Is(d.ID) {
		p.add(join(path, "id"), "is not a GUID")
	}
	if strings.TrimSpace(d.Name) == "" {
		p.add(join(path, "name"), "is empty")
	}
	checkText(p, join(path, "name"), d.Name, maxRoleName)
	if _, ok := service.RoleByName(d.Name); ok {
		p.add(join(path, "name"), "is that of a built-in role")
	}
	if _, ok := service.RoleByID(d.ID); ok {
		p.add(join(path, "id"), "is that of a built-in role")
	}
	checkLines(p, join(path, "description"), d.Description, maxRoleText)
	if len(d.Actions)+len(d.DataActions) == 0 {
		p.add(path, "has neither actions nor dataActions")
	}
	for _, x := range []struct {
		name   string
		list   []string
		onData bool
	}{{"actions", d.Actions, false}, {"notActions", d.NotActions, false}, {"dataActions", d.DataActions, true},
		{"notDataActions", d.NotDataActions, true}} {
		for i, action := range x.list {
			if !service.IsAction(action, x.onData) {
				p.add(item(path, x.name, i), "%s is no action of a provider", wording.Quote(action))
			}
		}
	}
	if len(d.AssignableScopes) > maxRoleScopes {
		p.add(join(path, "assignableScopes"), "has %d items; %d are allowed", len(d.AssignableScopes), maxRoleScopes)
	}
	for i, scope := range d.AssignableScopes {
		if m := roleScopeRE.FindStringSubmatch(scope); m == nil || !guid.Is(m[1]) {
			p.add(item(path, "assignableScopes", i), "%s is not the resource id of a subscription, resource group or "+
				"registry", wording.Quote(scope))
		}
	}
}
