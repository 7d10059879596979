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

// Role is a built-in role: what an assignment gives. What it allows on Azure Resource
// Manager, its id and its description are documented (Azure built-in roles, June 2025).
// Which role gives which of ACR's rights on the data plane is believed, from Microsoft's
// table of roles, except that the registry-wide roles give nothing in ABAC mode, which is
// documented.
type Role struct {
	ID          string // a GUID
	Name        string
	Description string
	Control     Control
	Actions     []acrkit.Action // on all repositories, or where the condition is true
	Catalog     bool
	ABAC        bool // works in ABAC mode only; the others in legacy mode only
	Conditions  bool // an assignment may have a condition on the repository
}

const (
	cr, cw, cd = acrkit.ContentRead, acrkit.ContentWrite, acrkit.ContentDelete
	mr, mw     = acrkit.MetadataRead, acrkit.MetadataWrite
)

func roles() []Role {
	return slices.Concat(registryRoles(), generalRoles(), repositoryRoles(), configurationRoles())
}

// RoleByName finds a role; case does not matter, as in Azure.
func RoleByName(name string) (Role, bool) {
	all := roles()
	i := slices.IndexFunc(all, func(r Role) bool { return strings.EqualFold(r.Name, name) })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// RoleByID finds a role by its id; case does not matter.
func RoleByID(id string) (Role, bool) {
	all := roles()
	i := slices.IndexFunc(all, func(r Role) bool { return strings.EqualFold(r.ID, id) })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// Roles returns the roles there are.
func Roles() []Role { return roles() }

// RoleNames lists the roles there are.
func RoleNames() []string {
	var names []string
	for _, r := range roles() {
		names = append(names, r.Name)
	}
	return names
}
