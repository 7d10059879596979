package write

import (
	"errors"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
)

// The reasons for which [Tx.PutAssignment] refuses one, beside an invalid value.
var (
	ErrPrincipalUnknown  = errors.New("no service principal has the object id")
	ErrAssignmentChanged = errors.New("an assignment keeps its role, principal and scope")
	ErrNotAssignable     = errors.New("the role cannot be assigned on the resource")
)

// ExistsError is the refusal of a role that a principal has on the resource already.
type ExistsError struct {
	Name string // of the assignment that gives it
}

func (e *ExistsError) Error() string { return "the assignment " + e.Name + " gives the role" }

// PutAssignment makes a role assignment, or changes the condition and the description of
// the one with its name. objectID is the principal's, by the caller's.
func (tx *Tx) PutAssignment(a principal.Assignment, objectID, by string) error {
	app, ok := tx.c.ApplicationByObjectID(objectID)
	if !ok {
		return ErrPrincipalUnknown
	}
	name, err := tx.assignable(a.Scope, seed.RoleAssignment{ClientID: app.ClientID, Role: a.Role,
		Condition: a.Condition, Description: a.Description})
	if err != nil {
		return err
	}
	next := a
	next.Name, next.ClientID, next.Role = strings.ToLower(a.Name), app.ClientID, name
	next.Created, next.CreatedBy, next.UpdatedBy = tx.now, by, by
	if old, ok := tx.c.Assignment(next.Name); ok {
		if !old.SameRole(&next) {
			return ErrAssignmentChanged
		}
		next.Scope, next.Created, next.CreatedBy, next.Updated = old.Scope, old.Created, old.CreatedBy, tx.now
	} else if same := tx.c.Assignments(next.SameRole); len(same) > 0 {
		return &ExistsError{same[0].Name}
	}
	tx.c.Put(&next)
	return nil
}

// assignable checks a role that is to be assigned on a resource, and returns its name as it
// is written.
func (tx *Tx) assignable(scope string, a seed.RoleAssignment) (name string, err error) {
	var custom []seed.RoleDefinition
	d, isCustom := tx.c.RoleDefinitionByName(a.Role)
	if isCustom {
		custom = append(custom, RoleDefinitionOf(d))
		name = d.Name
	} else if r, ok := service.RoleByName(a.Role); ok {
		name = r.Name
	}
	//rule:arm-condition
	if err := a.Check(custom...); err != nil {
		return "", refusal.Of("assign the role", err)
	}
	//rule:arm-assignable
	if isCustom && !d.AssignableOn(scope) {
		return "", ErrNotAssignable
	}
	return name, nil
}

// DeleteAssignment removes a role assignment, and reports whether there was one.
func (tx *Tx) DeleteAssignment(name string) bool {
	a, ok := tx.c.Assignment(name)
	if ok {
		tx.c.RemoveAssignment(a)
	}
	return ok
}
