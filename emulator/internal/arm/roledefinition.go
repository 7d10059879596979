package arm

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/service"
)

const (
	authorization   = "Microsoft.Authorization"
	roleDefinitions = "/providers/" + authorization + "/roleDefinitions"
	roleAssignments = "/providers/" + authorization + "/roleAssignments"
)

// roleScopes are the resources on which roles are asked for and assigned.
var roleScopes = []string{inSubscription, inGroup, inRegistry}

func roleDefinitionEndpoints() []endpoint {
	const read = authorization + "/roleDefinitions/read"
	all := []endpoint{ // the built-in roles are no secret
		{method: http.MethodGet, path: roleDefinitions, serve: listRoleDefinitions},
		{method: http.MethodGet, path: roleDefinitions + "/{role}", serve: getRoleDefinition},
	}
	for _, scope := range roleScopes {
		all = append(all,
			endpoint{method: http.MethodGet, path: scope + roleDefinitions, action: read, serve: listRoleDefinitions},
			endpoint{method: http.MethodGet, path: scope + roleDefinitions + "/{role}", action: read,
				serve: getRoleDefinition})
	}
	return all
}

func listRoleDefinitions(c *call) error {
	terms, err := c.filter("roleName", "type", "atScopeAndBelow()", "atScope()")
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, listOf(service.Roles(), func(r service.Role) bool {
		for _, t := range terms {
			if t.name == "rolename" && !strings.EqualFold(t.value, r.Name) ||
				t.name == "type" && !strings.EqualFold(t.value, builtInRole) {
				return false
			}
		}
		return true
	}, c.roleDefinitionForm))
}

func getRoleDefinition(c *call) error {
	r, ok := service.RoleByID(c.names["role"])
	if !ok {
		return noRoleDefinition(http.StatusNotFound, c.names["role"])
	}
	return c.answer(http.StatusOK, c.roleDefinitionForm(r))
}

// noRoleDefinition is the answer to an unknown role. The text is reported; the status of a
// PUT believed.
func noRoleDefinition(status int, id string) error {
	return &failure{status, "RoleDefinitionDoesNotExist",
		fmt.Sprintf("The specified role definition with ID '%s' does not exist.", clip(id))}
}

const builtInRole = "BuiltInRole"

// roleDefinitionID is the id of a role as a subscription shows it, or the tenant.
func (c *call) roleDefinitionID(r service.Role) string {
	if c.subscription != nil {
		return "/subscriptions/" + c.subscription.ID + roleDefinitions + "/" + r.ID
	}
	return roleDefinitions + "/" + r.ID
}

func (c *call) roleDefinitionForm(r service.Role) any {
	list := func(actions []string) []string { return append([]string{}, actions...) }
	return map[string]any{"id": c.roleDefinitionID(r), "type": authorization + "/roleDefinitions", "name": r.ID,
		"properties": map[string]any{"roleName": r.Name, "type": builtInRole, "description": r.Description,
			"assignableScopes": []string{"/"},
			"permissions": []any{map[string]any{"actions": list(r.Control.Actions),
				"notActions": list(r.Control.NotActions), "dataActions": list(r.Control.DataActions),
				"notDataActions": []string{}}},
			"createdOn": nil, "updatedOn": nil, "createdBy": nil, "updatedBy": nil}}
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
