package arm

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/internal/guid"
)

func roleAssignmentEndpoints() (all []endpoint) {
	const action = authorization + "/roleAssignments/"
	for _, scope := range roleScopes {
		one := scope + roleAssignments + "/{name}"
		all = append(all,
			endpoint{method: http.MethodGet, path: scope + roleAssignments, action: action + "read",
				serve: listRoleAssignments},
			endpoint{method: http.MethodGet, path: one, action: action + "read", serve: getRoleAssignment},
			endpoint{method: http.MethodPut, path: one, action: action + "write", serve: putRoleAssignment},
			endpoint{method: http.MethodDelete, path: one, action: action + "delete", serve: deleteRoleAssignment})
	}
	return all
}

// roleScope is the resource id that the path's roles are about.
func (c *call) roleScope() string {
	switch {
	case c.registry != nil:
		return c.registry.ResourceID()
	case c.group != nil:
		return principal.GroupID(c.subscription.ID, c.group.Name)
	}
	return principal.SubscriptionID(c.subscription.ID)
}

// listRoleAssignments lists those on the resource, on what it is in, and on what is in it;
// atScope() leaves the last out.
func listRoleAssignments(c *call) error {
	terms, err := c.filter("principalId", "assignedTo()", "atScope()")
	if err != nil {
		return err
	}
	scope := c.roleScope()
	return c.answer(http.StatusOK, listOf(c.h.Store.Assignments(), func(a *principal.Assignment) bool {
		above := principal.Within(scope, a.Scope)
		if !above && !principal.Within(a.Scope, scope) {
			return false
		}
		for _, t := range terms {
			if t.name == "atscope()" && !above ||
				t.name != "atscope()" && !strings.EqualFold(t.value, c.objectID(a)) {
				return false
			}
		}
		return true
	}, c.roleAssignmentForm))
}

// assignment finds the role assignment that the path names.
func (c *call) assignment() (*principal.Assignment, bool) {
	a, ok := c.h.Store.Assignment(c.names["name"])
	return a, ok && strings.EqualFold(a.Scope, c.roleScope())
}

func getRoleAssignment(c *call) error {
	a, ok := c.assignment()
	if !ok {
		return &failure{http.StatusNotFound, "RoleAssignmentNotFound",
			fmt.Sprintf("The role assignment '%s' is not found.", clip(c.names["name"]))}
	}
	return c.answer(http.StatusOK, c.roleAssignmentForm(a))
}

// putRoleAssignment is reported: 201, 400 PrincipalNotFound, 409 RoleAssignmentExists.
func putRoleAssignment(c *call) error {
	var in struct {
		Properties struct {
			RoleDefinitionID string  `json:"roleDefinitionId"`
			PrincipalID      string  `json:"principalId"`
			PrincipalType    string  `json:"principalType"`
			Condition        *string `json:"condition"`
			ConditionVersion *string `json:"conditionVersion"`
			Description      *string `json:"description"`
		} `json:"properties"`
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	p := in.Properties
	a := principal.Assignment{Name: c.names["name"], Scope: c.roleScope(), Condition: textOf(p.Condition),
		Description: textOf(p.Description)}
	if !guid.Is(a.Name) {
		return &failure{http.StatusBadRequest, "InvalidRoleAssignmentId", fmt.Sprintf("The role assignment ID '%s' is "+
			"not valid. The role assignment ID must be a GUID.", clip(a.Name))}
	}
	i := strings.LastIndexByte(p.RoleDefinitionID, '/')
	role, ok := c.h.Store.RoleByID(p.RoleDefinitionID[i+1:])
	if !ok {
		return noRoleDefinition(http.StatusBadRequest, p.RoleDefinitionID[i+1:])
	}
	a.Role = role.Name
	if !guid.Is(p.PrincipalID) {
		return &failure{http.StatusBadRequest, "InvalidPrincipalId",
			fmt.Sprintf("A valid principal ID must be provided for role assignment: '%s' is none.",
				clip(p.PrincipalID))}
	}
	if a.Condition != "" && textOf(p.ConditionVersion) != conditionVersion {
		return &failure{http.StatusBadRequest, "InvalidConditionVersion",
			fmt.Sprintf("The condition version '%s' is not supported. Supported is: 2.0.",
				clip(textOf(p.ConditionVersion)))}
	}
	if t := p.PrincipalType; t != "" && !strings.EqualFold(t, servicePrincipal) {
		if _, ok := c.h.Store.ApplicationByObject(p.PrincipalID); ok {
			return &failure{http.StatusBadRequest, "UnmatchedPrincipalType", fmt.Sprintf("The PrincipalId '%s' has "+
				"type '%s' , which is different from specified PrinciaplType '%s'.", plain(p.PrincipalID),
				servicePrincipal, clip(t))}
		}
	}
	err := c.update(func(tx *write.Tx) error { return tx.PutAssignment(a, p.PrincipalID, c.caller.ObjectID) })
	exists, isThere := errors.AsType[*write.ExistsError](err)
	switch {
	case isThere:
		return &failure{http.StatusConflict, "RoleAssignmentExists", "The role assignment already exists. The ID of " +
			"the existing role assignment is " + plain(exists.Name) + "."}
	case errors.Is(err, write.ErrPrincipalUnknown):
		return &failure{http.StatusBadRequest, "PrincipalNotFound", fmt.Sprintf("Principal %s does not exist in the "+
			"directory %s. Check that you have the correct principal ID. If you are creating this principal and then "+
			"immediately assigning a role, this error might be related to a replication delay. In this case, set the "+
			"role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See "+
			"https://aka.ms/docs-principaltype", plain(p.PrincipalID), c.subscription.TenantID)}
	case errors.Is(err, write.ErrNotAssignable): // the code is reported
		return &failure{http.StatusBadRequest, "RoleAssignmentScopeNotAssignableToRoleDefinition",
			fmt.Sprintf("The role definition '%s' cannot be assigned on the scope '%s': it is not in its assignable "+
				"scopes.", role.ID, clip(a.Scope))}
	case errors.Is(err, write.ErrAssignmentChanged):
		return &failure{http.StatusBadRequest, "RoleAssignmentUpdateNotPermitted",
			"Tenant ID, application ID, principal ID, and scope are not allowed to be updated."}
	case err != nil:
		return err
	}
	made, ok := c.assignment()
	if !ok { // it was deleted meanwhile
		return c.empty(http.StatusNoContent)
	}
	return c.answer(http.StatusCreated, c.roleAssignmentForm(made))
}

// deleteRoleAssignment answers 200 with what was deleted, 204 if there was none
// (documented).
func deleteRoleAssignment(c *call) error {
	a, ok := c.assignment()
	if !ok {
		return c.empty(http.StatusNoContent)
	}
	err := c.update(func(tx *write.Tx) error {
		tx.DeleteAssignment(a.Name)
		return nil
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, c.roleAssignmentForm(a))
}

const (
	conditionVersion = "2.0"
	servicePrincipal = "ServicePrincipal"
)

func textOf(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// plain writes a GUID as ARM's errors about role assignments do: without hyphens (reported).
func plain(id string) string { return strings.ReplaceAll(strings.ToLower(id), "-", "") }

// objectID is that of the principal which has an assignment.
func (c *call) objectID(a *principal.Assignment) string {
	if app, ok := c.h.Store.Application(a.ClientID); ok {
		return app.ObjectID
	}
	return a.ClientID // the application is gone
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// roleTime is how times of roles and assignments are written.
func roleTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

func (c *call) roleAssignmentForm(a *principal.Assignment) any {
	updated := a.Updated
	if updated.IsZero() {
		updated = a.Created
	}
	role, _ := c.h.Store.RoleByName(a.Role)
	properties := map[string]any{"roleDefinitionId": c.roleDefinitionID(role), "principalId": c.objectID(a),
		"principalType": servicePrincipal, "scope": a.Scope, "condition": orNull(a.Condition), "conditionVersion": nil,
		"createdOn": roleTime(a.Created), "updatedOn": roleTime(updated), "createdBy": orNull(a.CreatedBy),
		"updatedBy": orNull(a.UpdatedBy), "delegatedManagedIdentityResourceId": nil,
		"description": orNull(a.Description)}
	if a.Condition != "" {
		properties["conditionVersion"] = conditionVersion
	}
	return map[string]any{"id": a.Scope + roleAssignments + "/" + a.Name, "type": authorization + "/roleAssignments",
		"name": a.Name, "properties": properties}
}
