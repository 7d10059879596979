package access

import (
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/roles"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage"
)

const registries = roles.Registries

// controls are the actions of the control plane that lead to every right, in both modes.
var controls = []string{
	"Microsoft.Authorization/roleAssignments/write",
	registries + "generateCredentials/action",
	registries + "listCredentials/action",
	registries + "regenerateCredential/action",
	registries + "scopeMaps/write",
	registries + "tokens/write",
	registries + "write", // turns the admin user on
}

// Assignment returns what a role assignment gives. role is nil if its definition could not
// be read.
func (q Query) Assignment(s manage.Settings, a manage.Assignment, role *manage.Role) (out []Grant) {
	g := Grant{Kind: KindPrincipal, Name: a.PrincipalID, PrincipalType: a.PrincipalType, By: a.RoleKey(),
		Scope: a.Scope, Condition: strings.Join(strings.Fields(a.Condition), " "), Enabled: true}
	if role == nil {
		g.Unknown = "the definition of the role could not be read"
		return []Grant{g}
	}
	g.By = role.Name
	add := func(action, line, unknown string) {
		g := g
		g.Action, g.Line, g.Repository, g.Unknown = action, line, repositoryOf(action), unknown
		//rule:access-group
		if g.Unknown == "" && !q.Member && strings.HasSuffix(a.PrincipalType, "Group") {
			g.Unknown = "the members of the group are not known"
		}
		out = append(out, g)
	}
	for _, p := range roles.Actions(s.ABAC) {
		if !has(role, p.Name, s.ABAC) {
			continue
		}
		for _, action := range p.Rights {
			if !q.asks(action) {
				continue
			}
			if given, unknown := q.meets(a.Condition, action, s.ABAC); given {
				add(action, p.Name, unknown)
			}
		}
	}
	if q.asks(Control) {
		var found []string
		for _, name := range controls {
			if has(role, name, false) {
				found = append(found, name)
			}
		}
		if len(found) > 0 {
			unknown := ""
			if a.Condition != "" {
				unknown = "a condition on actions of the control plane is not evaluated"
			}
			add(Control, strings.Join(found, ", "), unknown)
		}
	}
	return out
}

// meets reports whether the condition of an assignment lets an action through, or why that
// is not known.
func (q Query) meets(text, action string, abac bool) (given bool, unknown string) {
	if text == "" {
		return true, ""
	}
	word, err := acrkit.ParseAction(action)
	//rule:access-condition-control
	if !abac || err != nil {
		return true, "a condition on actions of the control plane is not evaluated"
	}
	c, err := condition.Parse(text)
	//rule:access-condition-unknown
	if err != nil {
		return true, "the condition is not understood: " + wording.Reason(err)
	}
	return q.Repository == "" || c.Allows(word, q.Repository), ""
}

// has reports whether one of a role's permissions allows an action.
func has(role *manage.Role, action string, data bool) bool {
	return slices.ContainsFunc(role.Permissions, func(p manage.Permission) bool {
		return roles.Permission(p).Allows(action, data)
	})
}
