package service

import (
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// The two ways a registry reads its role assignments, under their names in ARM.
const (
	ModeLegacy = "LegacyRegistryPermissions"
	ModeABAC   = "AbacRepositoryPermissions"
)

// Role is a role: what an assignment gives. What the built-in roles allow on Azure Resource
// Manager, their ids and their descriptions are documented (Azure built-in roles, June
// 2025).
type Role struct {
	ID          string // a GUID
	Name        string
	Description string
	Control     Control
}

// source is what of a role gives rights on the content of a registry.
type source struct {
	permission string
	actions    []acrkit.Action
	catalog    bool
}

// sources returns what gives rights in a mode: actions of Azure Resource Manager in legacy
// mode, which is believed, from Microsoft's table of roles; actions on data in ABAC mode,
// which is documented.
func sources(mode string) []source {
	if mode != ModeABAC {
		return []source{
			{registries + "pull/read", []acrkit.Action{acrkit.ContentRead, acrkit.MetadataRead}, true},
			{registries + "push/write", []acrkit.Action{acrkit.ContentWrite, acrkit.MetadataWrite}, false},
			{registries + "artifacts/delete", []acrkit.Action{acrkit.ContentDelete}, false},
		}
	}
	all := []source{{registries + "catalog/read", nil, true}}
	for _, a := range acrkit.Actions() {
		all = append(all, source{registries + "repositories/" + a.String(), []acrkit.Action{a}, false})
	}
	return all
}

// Rights returns what the role gives on the content of a registry of a mode: actions on
// its repositories, and the catalog.
func (r Role) Rights(mode string) (actions []acrkit.Action, catalog bool) {
	for _, s := range sources(mode) {
		if r.Control.allows(s.permission, mode == ModeABAC) {
			actions, catalog = append(actions, s.actions...), catalog || s.catalog
		}
	}
	return actions, catalog
}

// Gives reports whether the role gives anything on the content of a registry of a mode.
func (r Role) Gives(mode string) bool {
	actions, catalog := r.Rights(mode)
	return len(actions) > 0 || catalog
}

// TakesCondition reports whether an assignment of the role may have a condition on the
// repository.
func (r Role) TakesCondition() bool {
	actions, _ := r.Rights(ModeABAC)
	return len(actions) > 0
}

// RoleByName finds a built-in role; case does not matter, as in Azure.
func RoleByName(name string) (Role, bool) {
	return find(func(r Role) bool { return strings.EqualFold(r.Name, name) })
}

// RoleByID finds a built-in role by its id; case does not matter.
func RoleByID(id string) (Role, bool) {
	return find(func(r Role) bool { return strings.EqualFold(r.ID, id) })
}

func find(is func(Role) bool) (Role, bool) {
	all := Roles()
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// Roles returns the built-in roles.
func Roles() []Role {
	return slices.Concat(registryRoles(), generalRoles(), repositoryRoles(), configurationRoles())
}

// RoleNames lists the built-in roles.
func RoleNames() []string {
	var names []string
	for _, r := range Roles() {
		names = append(names, r.Name)
	}
	return names
}
