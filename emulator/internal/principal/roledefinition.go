package principal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/service"
)

// RoleDefinition is a custom role.
type RoleDefinition struct {
	ID          string `json:"id"` // a GUID
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	service.Control
	Scopes []string `json:"scopes"` // resource ids of what it can be assigned on, and of what holds that

	Created   time.Time `json:"created,omitzero"`
	Updated   time.Time `json:"updated,omitzero"` // zero = nothing has changed since it was created
	CreatedBy string    `json:"createdBy,omitempty"`
	UpdatedBy string    `json:"updatedBy,omitempty"` // object ids; "" = the emulator
}

// Role returns the role that the definition is of.
func (d *RoleDefinition) Role() service.Role {
	return service.Role{ID: d.ID, Name: d.Name, Description: d.Description, Control: d.Control}
}

// AssignableOn reports whether the role can be assigned on a resource.
func (d *RoleDefinition) AssignableOn(scope string) bool {
	return slices.ContainsFunc(d.Scopes, func(s string) bool { return Within(scope, s) })
}

// RoleDefinitions returns the custom roles, by name.
func (s *Store) RoleDefinitions() []*RoleDefinition {
	return list(s, func(*RoleDefinition) bool { return true }, byRoleName)
}

// RoleDefinition finds a custom role by its id; case does not matter.
func (s *Store) RoleDefinition(id string) (*RoleDefinition, bool) {
	return get[*RoleDefinition](s, (&RoleDefinition{ID: id}).key())
}

// RoleByName finds a role, built-in or custom; case does not matter.
func (s *Store) RoleByName(name string) (service.Role, bool) {
	if r, ok := service.RoleByName(name); ok {
		return r, true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if d, ok := s.custom[strings.ToLower(name)]; ok {
		return d.Role(), true
	}
	return service.Role{}, false
}

// RoleByID finds a role, built-in or custom, by its id; case does not matter.
func (s *Store) RoleByID(id string) (service.Role, bool) {
	if r, ok := service.RoleByID(id); ok {
		return r, true
	}
	if d, ok := s.RoleDefinition(id); ok {
		return d.Role(), true
	}
	return service.Role{}, false
}

func byRoleName(a, b *RoleDefinition) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
}

// RoleDefinition finds a custom role by its id.
func (c *Change) RoleDefinition(id string) (*RoleDefinition, bool) {
	return after[*RoleDefinition](c, (&RoleDefinition{ID: id}).key())
}

// RoleDefinitionByName finds a custom role; case does not matter.
func (c *Change) RoleDefinitionByName(name string) (*RoleDefinition, bool) {
	for o := range c.store.after(c) {
		if d, ok := o.(*RoleDefinition); ok && strings.EqualFold(d.Name, name) {
			return d, true
		}
	}
	return nil, false
}

// RoleDefinitions counts the custom roles.
func (c *Change) RoleDefinitions() int { return c.count(kindRoleDefinition, 0) }

// RemoveRoleDefinition removes a custom role.
func (c *Change) RemoveRoleDefinition(d *RoleDefinition) { c.removeKey(d.key()) }
