package arm

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/guid"
)

const (
	authorization   = "Microsoft.Authorization"
	roleDefinitions = "/providers/" + authorization + "/roleDefinitions"
	roleAssignments = "/providers/" + authorization + "/roleAssignments"
)

// roleScopes are the resources on which roles are asked for and assigned.
var roleScopes = []string{inSubscription, inGroup, inRegistry}

const builtInRole, customRole = "BuiltInRole", "CustomRole"

func roleDefinitionEndpoints() []endpoint {
	const one, action = roleDefinitions + "/{role}", authorization + "/roleDefinitions/"
	all := []endpoint{ // the built-in roles are no secret
		{method: http.MethodGet, path: roleDefinitions, serve: listRoleDefinitions},
		{method: http.MethodGet, path: one, serve: getRoleDefinition},
	}
	for _, scope := range roleScopes {
		all = append(all,
			endpoint{method: http.MethodGet, path: scope + roleDefinitions, action: action + "read",
				serve: listRoleDefinitions},
			endpoint{method: http.MethodGet, path: scope + one, action: action + "read", serve: getRoleDefinition},
			endpoint{method: http.MethodPut, path: scope + one, action: action + "write", serve: putRoleDefinition},
			endpoint{method: http.MethodDelete, path: scope + one, action: action + "delete",
				serve: deleteRoleDefinition})
	}
	return all
}

// listRoleDefinitions lists the built-in roles, and the custom ones that can be assigned on
// the resource; with atScopeAndBelow() also those for what is in it (documented).
func listRoleDefinitions(c *call) error {
	terms, err := c.filter("roleName", "type", "atScopeAndBelow()", "atScope()")
	if err != nil {
		return err
	}
	below := slices.ContainsFunc(terms, func(t term) bool { return t.name == "atscopeandbelow()" })
	keeps := func(r service.Role, kind string) bool {
		return !slices.ContainsFunc(terms, func(t term) bool {
			return t.name == "rolename" && !strings.EqualFold(t.value, r.Name) ||
				t.name == "type" && !strings.EqualFold(t.value, kind)
		})
	}
	out := listOf(service.Roles(), func(r service.Role) bool { return keeps(r, builtInRole) }, c.builtInForm)
	if c.subscription != nil {
		scope := c.roleScope()
		custom := listOf(c.h.Store.RoleDefinitions(), func(d *principal.RoleDefinition) bool {
			return keeps(d.Role(), customRole) && (d.AssignableOn(scope) || below && slices.ContainsFunc(d.Scopes,
				func(s string) bool { return principal.Within(s, scope) }))
		}, c.customForm)
		out.Value = append(out.Value, custom.Value...)
	}
	return c.answer(http.StatusOK, out)
}

func getRoleDefinition(c *call) error {
	if r, ok := service.RoleByID(c.names["role"]); ok {
		return c.answer(http.StatusOK, c.builtInForm(r))
	}
	if d, ok := c.h.Store.RoleDefinition(c.names["role"]); ok && c.subscription != nil {
		return c.answer(http.StatusOK, c.customForm(d))
	}
	return noRoleDefinition(http.StatusNotFound, c.names["role"])
}

// putRoleDefinition makes or replaces a custom role. Reported: RoleDefinitionWithSameNameExists
// and InvalidActionOrNotAction; the other codes are believed.
func putRoleDefinition(c *call) error {
	in, err := c.roleDefinition()
	if err != nil {
		return err
	}
	for i, scope := range in.AssignableScopes {
		id, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(scope), "/subscriptions/"), "/")
		if c.findSubscription(id) == nil {
			return &failure{http.StatusBadRequest, "InvalidAssignableScope", fmt.Sprintf("assignableScopes[%d]: the "+
				"scope '%s' is in no subscription of this tenant.", i, clip(scope))}
		}
		//rule:arm-role-linked
		if action := authorization + "/roleDefinitions/write"; !c.can(action, scope) {
			return c.forbiddenLinked(action, scope)
		}
	}
	err = c.update(func(tx *write.Tx) error { return tx.PutRoleDefinition(in, c.caller.ObjectID) })
	switch {
	case errors.Is(err, write.ErrRoleNameTaken):
		return roleNameTaken()
	case errors.Is(err, write.ErrRoleAssigned): // it would lose a scope; believed
		return roleAssigned()
	case acrkit.CodeOf(err) == acrkit.CodeTooLarge:
		return &failure{http.StatusBadRequest, "RoleDefinitionLimitExceeded",
			"Role definition limit exceeded. No more role definitions can be created."}
	case err != nil:
		return err
	}
	made, ok := c.h.Store.RoleDefinition(in.ID)
	if !ok { // it was deleted meanwhile
		return c.empty(http.StatusNoContent)
	}
	return c.answer(http.StatusCreated, c.customForm(made))
}

// roleDefinition reads a custom role of a request, whose name and actions are checked.
func (c *call) roleDefinition() (out seed.RoleDefinition, err error) {
	var in struct {
		Properties struct {
			RoleName    string            `json:"roleName"`
			Description string            `json:"description"`
			Permissions []service.Control `json:"permissions"`
			Scopes      []string          `json:"assignableScopes"`
		} `json:"properties"`
	}
	if err := c.decode(&in); err != nil {
		return out, err
	}
	p := in.Properties
	bad := func(code, format string, args ...any) error {
		return &failure{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
	}
	id := c.names["role"]
	if !guid.Is(id) {
		return out, bad("InvalidRoleDefinitionId", "The role definition ID '%s' is not valid. The role definition ID "+
			"must be a GUID.", clip(id))
	}
	if _, ok := service.RoleByID(id); ok {
		return out, bad("RoleDefinitionUpdateNotPermitted", "The role '%s' is built in and cannot be changed.",
			clip(id))
	}
	if _, ok := service.RoleByName(p.RoleName); ok {
		return out, roleNameTaken()
	}
	if len(p.Permissions) != 1 {
		return out, bad("InvalidRoleDefinitionPermissions", "A role definition has one item in permissions, not %d.",
			len(p.Permissions))
	}
	x := p.Permissions[0]
	for _, action := range slices.Concat(x.Actions, x.NotActions) {
		if !service.IsAction(action, false) {
			return out, bad("InvalidActionOrNotAction",
				"'%s' does not match any of the actions supported by the providers.", clip(action))
		}
	}
	for _, action := range slices.Concat(x.DataActions, x.NotDataActions) {
		if !service.IsAction(action, true) {
			return out, bad("InvalidDataActionOrNotDataAction",
				"'%s' does not match any of the data actions supported by the providers.", clip(action))
		}
	}
	return seed.RoleDefinition{ID: id, Name: p.RoleName, Description: p.Description, Actions: x.Actions,
		NotActions: x.NotActions, DataActions: x.DataActions, NotDataActions: x.NotDataActions,
		AssignableScopes: p.Scopes}, nil
}

func roleNameTaken() error {
	return &failure{http.StatusConflict, "RoleDefinitionWithSameNameExists",
		"A custom role with the same name already exists in this directory. Use a different name."}
}

// deleteRoleDefinition answers 200 with what was deleted, 204 if there was none
// (documented). The code of a role that is assigned is reported, its status believed.
func deleteRoleDefinition(c *call) error {
	id := c.names["role"]
	if _, ok := service.RoleByID(id); ok {
		return &failure{http.StatusBadRequest, "RoleDefinitionUpdateNotPermitted",
			fmt.Sprintf("The role '%s' is built in and cannot be changed.", clip(id))}
	}
	d, ok := c.h.Store.RoleDefinition(id)
	if !ok {
		return c.empty(http.StatusNoContent)
	}
	for _, scope := range d.Scopes {
		if action := authorization + "/roleDefinitions/delete"; !c.can(action, scope) {
			return c.forbiddenLinked(action, scope)
		}
	}
	err := c.update(func(tx *write.Tx) error {
		_, err := tx.DeleteRoleDefinition(id)
		return err
	})
	if errors.Is(err, write.ErrRoleAssigned) {
		return roleAssigned()
	}
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, c.customForm(d))
}

func roleAssigned() error {
	return &failure{http.StatusBadRequest, "RoleDefinitionHasAssignments",
		"There are existing role assignments referencing role."}
}

// noRoleDefinition is the answer to an unknown role. The text is reported; the status of a
// PUT believed.
func noRoleDefinition(status int, id string) error {
	return &failure{status, "RoleDefinitionDoesNotExist",
		fmt.Sprintf("The specified role definition with ID '%s' does not exist.", clip(id))}
}

// roleDefinitionID is the id of a role as a subscription shows it, or the tenant.
func (c *call) roleDefinitionID(r service.Role) string {
	if c.subscription != nil {
		return "/subscriptions/" + c.subscription.ID + roleDefinitions + "/" + r.ID
	}
	return roleDefinitions + "/" + r.ID
}

func (c *call) builtInForm(r service.Role) any {
	return c.roleForm(r, map[string]any{"type": builtInRole, "assignableScopes": []string{"/"},
		"createdOn": nil, "updatedOn": nil, "createdBy": nil, "updatedBy": nil})
}

func (c *call) customForm(d *principal.RoleDefinition) any {
	updated := d.Updated
	if updated.IsZero() {
		updated = d.Created
	}
	return c.roleForm(d.Role(), map[string]any{"type": customRole, "assignableScopes": d.Scopes,
		"createdOn": roleTime(d.Created), "updatedOn": roleTime(updated), "createdBy": orNull(d.CreatedBy),
		"updatedBy": orNull(d.UpdatedBy)})
}

func (c *call) roleForm(r service.Role, properties map[string]any) any {
	list := func(actions []string) []string { return append([]string{}, actions...) }
	properties["roleName"], properties["description"] = r.Name, r.Description
	properties["permissions"] = []any{map[string]any{"actions": list(r.Control.Actions),
		"notActions": list(r.Control.NotActions), "dataActions": list(r.Control.DataActions),
		"notDataActions": list(r.Control.NotDataActions)}}
	return map[string]any{"id": c.roleDefinitionID(r), "type": authorization + "/roleDefinitions", "name": r.ID,
		"properties": properties}
}

// term is a part of an OData filter: a function without an argument, or one with a text, or
// a comparison with one.
type term struct{ name, value string } // the name in lower case

// filter reads the parameter $filter: terms joined by "and", of the given names.
func (c *call) filter(names ...string) (out []term, err error) {
	text := strings.TrimSpace(c.r.URL.Query().Get("$filter"))
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, " and ") {
		t, ok := parseTerm(strings.TrimSpace(part))
		known := false
		for _, name := range names {
			known = known || strings.EqualFold(name, t.name)
		}
		if !ok || !known {
			return nil, &failure{http.StatusBadRequest, "UnsupportedQuery",
				fmt.Sprintf("The filter '%s' is not supported. Supported are: %s.", clip(text),
					strings.Join(names, ", "))}
		}
		out = append(out, t)
	}
	return out, nil
}

func parseTerm(text string) (t term, ok bool) {
	if strings.HasSuffix(text, "()") {
		return term{name: strings.ToLower(text)}, true
	}
	name, value, ok := strings.Cut(text, " eq ")
	if !ok {
		if name, value, ok = strings.Cut(text, "("); !ok || !strings.HasSuffix(value, ")") {
			return term{}, false
		}
		name, value = name+"()", strings.TrimSuffix(value, ")")
	}
	value = strings.TrimSpace(value)
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return term{}, false
	}
	value = strings.ReplaceAll(value[1:len(value)-1], "''", "'")
	return term{strings.ToLower(strings.TrimSpace(name)), value}, true
}
