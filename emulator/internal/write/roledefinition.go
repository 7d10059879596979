package write

import (
	"errors"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/guid"
)

// MaxRoleDefinitions is how many custom roles there can be. Documented for a tenant.
//
//rule:emulator-limits-role-definitions
const MaxRoleDefinitions = 5000

// The reasons for which a custom role is refused, beside an invalid value.
var (
	ErrRoleNameTaken = errors.New("another custom role has the name")
	ErrRoleAssigned  = errors.New("there are assignments of the role")
)

// PutRoleDefinition makes a custom role, or replaces the one of its id; "" = of its name, or
// a new one. It must have assignable scopes, and keeps those that it is assigned on:
// [ErrRoleAssigned]. by is the caller's object id.
func (tx *Tx) PutRoleDefinition(in seed.RoleDefinition, by string) error {
	const op = "define the role"
	if err := in.Check(); err != nil {
		return refusal.Of(op, err)
	}
	if len(in.AssignableScopes) == 0 {
		return refusal.Usage(op, "assignableScopes: there are none")
	}
	same, taken := tx.c.RoleDefinitionByName(in.Name)
	if in.ID == "" {
		in.ID = guid.New()
		if taken {
			in.ID = same.ID
		}
	}
	next := &principal.RoleDefinition{ID: strings.ToLower(in.ID), Name: in.Name, Description: in.Description,
		Control: in.Role().Control, Scopes: in.AssignableScopes, Created: tx.now, CreatedBy: by, UpdatedBy: by}
	if taken && same.ID != next.ID {
		return ErrRoleNameTaken
	}
	old, ok := tx.c.RoleDefinition(next.ID)
	switch {
	case ok:
		next.Created, next.CreatedBy, next.Updated = old.Created, old.CreatedBy, tx.now
		for _, a := range tx.assignmentsOf(old.Name) {
			//rule:arm-role-narrowed
			if !next.AssignableOn(a.Scope) {
				return ErrRoleAssigned
			}
			renamed := *a
			renamed.Role = next.Name
			tx.c.Put(&renamed)
		}
	case tx.c.RoleDefinitions() >= MaxRoleDefinitions:
		return tooManyOf(op, "custom roles", MaxRoleDefinitions)
	}
	tx.c.Put(next)
	return nil
}

// assignmentsOf returns the assignments of a role.
func (tx *Tx) assignmentsOf(role string) []*principal.Assignment {
	return tx.c.Assignments(func(a *principal.Assignment) bool { return strings.EqualFold(a.Role, role) })
}

// DeleteRoleDefinition removes a custom role, and reports whether there was one. One that is
// assigned stays, with [ErrRoleAssigned].
func (tx *Tx) DeleteRoleDefinition(id string) (bool, error) {
	d, ok := tx.c.RoleDefinition(id)
	if !ok {
		return false, nil
	}
	//rule:arm-role-assigned
	if len(tx.assignmentsOf(d.Name)) > 0 {
		return false, ErrRoleAssigned
	}
	tx.c.RemoveRoleDefinition(d)
	return true, nil
}

// RoleDefinitionOf returns a custom role as a seed has it.
func RoleDefinitionOf(d *principal.RoleDefinition) seed.RoleDefinition {
	return seed.RoleDefinition{Name: d.Name, ID: d.ID, Description: d.Description, Actions: d.Actions,
		NotActions: d.NotActions, DataActions: d.DataActions, NotDataActions: d.NotDataActions,
		AssignableScopes: d.Scopes}
}
