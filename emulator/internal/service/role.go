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

// Role is what an assignment gives. Which role gives which of ACR's rights on
// the data plane is believed, from Microsoft's table of roles, except that the
// registry-wide roles give nothing in ABAC mode, which is documented.
type Role struct {
	Name       string
	Actions    []acrkit.Action // on all repositories, or where the condition is true
	Catalog    bool
	ABAC       bool // works in ABAC mode only; the others in legacy mode only
	Conditions bool // an assignment may have a condition on the repository
}

const (
	cr, cw, cd = acrkit.ContentRead, acrkit.ContentWrite, acrkit.ContentDelete
	mr, mw     = acrkit.MetadataRead, acrkit.MetadataWrite
)

func roles() []Role {
	return []Role{
		{Name: "AcrPull", Actions: []acrkit.Action{cr, mr}, Catalog: true},
		{Name: "AcrPush", Actions: []acrkit.Action{cr, cw, mr, mw}, Catalog: true},
		{Name: "AcrDelete", Actions: []acrkit.Action{cd}},
		{Name: "Reader", Actions: []acrkit.Action{cr, mr}, Catalog: true},
		{Name: "Contributor", Actions: acrkit.Actions(), Catalog: true},
		{Name: "Owner", Actions: acrkit.Actions(), Catalog: true},
		{Name: "Container Registry Repository Reader", Actions: []acrkit.Action{cr, mr}, ABAC: true, Conditions: true},
		{Name: "Container Registry Repository Writer", Actions: []acrkit.Action{cr, cw, mr, mw},
			ABAC: true, Conditions: true},
		{Name: "Container Registry Repository Contributor", Actions: acrkit.Actions(), ABAC: true, Conditions: true},
		{Name: "Container Registry Repository Catalog Lister", Catalog: true, ABAC: true},
	}
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

// RoleNames lists the roles there are.
func RoleNames() []string {
	var names []string
	for _, r := range roles() {
		names = append(names, r.Name)
	}
	return names
}
