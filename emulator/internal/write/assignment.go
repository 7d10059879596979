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
	role, ok := service.RoleByName(a.Role)
	if !ok {
		return refusal.Usage("assign the role", "there is no role %s", a.Role)
	}
	check := seed.RoleAssignment{ClientID: app.ClientID, Role: role.Name, Condition: a.Condition,
		Description: a.Description}
	//rule:arm-condition
	if err := check.Check(); err != nil {
		return refusal.Of("assign the role", err)
	}
	next := a
	next.Name, next.ClientID, next.Role = strings.ToLower(a.Name), app.ClientID, role.Name
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

// DeleteAssignment removes a role assignment, and reports whether there was one.
func (tx *Tx) DeleteAssignment(name string) bool {
	a, ok := tx.c.Assignment(name)
	if ok {
		tx.c.RemoveAssignment(a)
	}
	return ok
}
