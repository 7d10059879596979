package write

import (
	"errors"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/guid"
)

// AssignRole gives an application a role on the registry, beside those that it has.
func (r *Registry) AssignRole(a seed.RoleAssignment) error {
	return r.tx.AssignRole(r.set.ResourceID(), a)
}

// AssignRole gives an application a role on a subscription, group or registry, by its
// resource id, beside those that it has.
func (tx *Tx) AssignRole(scope string, a seed.RoleAssignment) error {
	const op = "assign the role"
	if _, ok := tx.c.Application(a.ClientID); !ok {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "clientId: names no application"}
	}
	name, err := tx.assignable(scope, a)
	if errors.Is(err, ErrNotAssignable) {
		return refusal.Usage(op, "the role %s cannot be assigned on %s", a.Role, scope)
	}
	if err != nil {
		return err
	}
	next := &principal.Assignment{Name: guid.New(), Scope: scope, ClientID: strings.ToLower(a.ClientID),
		Role: name, Condition: a.Condition, Description: a.Description, Created: tx.now}
	if len(tx.c.Assignments(next.Same)) == 0 {
		tx.c.Put(next)
	}
	return nil
}

// RemoveRoles takes all roles of an application on the registry away. Those that it has on
// the group or the subscription stay.
func (r *Registry) RemoveRoles(clientID string) {
	id := r.set.ResourceID()
	for _, a := range r.tx.c.Assignments(func(a *principal.Assignment) bool {
		return strings.EqualFold(a.Scope, id) && strings.EqualFold(a.ClientID, clientID)
	}) {
		r.tx.c.RemoveAssignment(a)
	}
}
