package arm

import (
	"fmt"
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/rule"
)

// can reports whether one of the caller's roles allows an action on a resource: a role on
// the resource itself, or on what it is in.
func (c *call) can(action, scope string) bool {
	custom, isCustom := c.h.CustomRole(c.caller.ClientID)
	for _, a := range c.h.Store.AssignmentsOf(c.caller.ClientID) {
		role, ok := service.RoleByName(a.Role)
		if isCustom {
			role.Control = custom
		}
		//rule:arm-roles-can
		if ok && principal.Within(scope, a.Scope) && role.Control.Allows(action) {
			return true
		}
	}
	return false
}

// reaches reports whether the caller has any role on a resource, or on one below it. ARM
// shows subscriptions and groups to those (believed).
func (c *call) reaches(scope string) bool {
	for _, a := range c.h.Store.AssignmentsOf(c.caller.ClientID) {
		if principal.Within(scope, a.Scope) || principal.Within(a.Scope, scope) {
			return true
		}
	}
	return false
}

// forbidden writes the refusal to the decision log and returns ARM's answer: an action
// that no role of the caller allows on the resource.
func (c *call) forbidden(action, scope string) error {
	c.h.Refused(c.r, principalOf(c.caller), rule.ARMRole,
		fmt.Sprintf("%s: %s on %s", rule.ARMRole.Text(), action, clip(scope)))
	return &failure{http.StatusForbidden, "AuthorizationFailed", fmt.Sprintf("The client '%s' with object id '%s' "+
		"does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. "+
		"If access was recently granted, please refresh your credentials.",
		c.caller.ClientID, c.caller.ObjectID, action, clip(scope))}
}
