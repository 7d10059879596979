package arm

import (
	"fmt"
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/rule"
)

// can reports whether one of the caller's roles allows an action on a resource: a role on
// the resource itself, or on what it is in.
func (c *call) can(action, scope string) bool {
	for _, a := range c.h.Store.AssignmentsOf(c.caller.ClientID) {
		role, ok := c.h.Store.RoleByName(a.Role)
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

// forbiddenLinked is forbidden for a resource that the request names beside its own: the
// caller may perform the action on that one only.
func (c *call) forbiddenLinked(action, linked string) error {
	c.h.Refused(c.r, principalOf(c.caller), rule.ARMRole,
		fmt.Sprintf("%s: %s on %s", rule.ARMRole.Text(), action, clip(linked)))
	return &failure{http.StatusForbidden, "LinkedAuthorizationFailed", fmt.Sprintf("The client '%s' with object id "+
		"'%s' has permission to perform action '%s' on scope '%s'; however, it does not have permission to perform "+
		"action(s) '%s' on the linked scope(s) '%s' or the linked scope(s) are invalid.",
		c.caller.ClientID, c.caller.ObjectID, action, clip(c.scope), action, clip(linked))}
}
