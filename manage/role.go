package manage

import (
	"context"
	"iter"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"

	"github.com/acrkit/acrkit/internal/roles"
)

// Assignment is a role assignment that holds on a registry: it is on the registry, or on the
// resource group, subscription or management group that it is in.
type Assignment struct {
	ID            string
	Scope         string // the resource id that the role is assigned on
	PrincipalID   string // object id
	PrincipalType string // User, Group, ServicePrincipal, …; "" if Azure does not say
	Role          string // the resource id of the role definition
	Condition     string // "" = none
}

// Inherited reports whether the role is assigned above the registry.
func (a Assignment) Inherited(r *Registry) bool { return !strings.EqualFold(a.Scope, r.ID()) }

// Role is a role definition.
type Role struct {
	ID          string
	Name        string // AcrPull
	Description string
	BuiltIn     bool
	Permissions []Permission // what one of them allows is allowed
}

// Permission is a part of a role: actions, in which "*" stands for any text and case does
// not matter, and those of them that it leaves out.
type Permission struct {
	Actions, NotActions         []string // of the control plane
	DataActions, NotDataActions []string // on the content of registries
}

// Assignments lists the role assignments that hold on the registry, inherited ones
// included. There are none on parts of a registry: ACR has no such scopes.
func (r *Registry) Assignments(ctx context.Context) iter.Seq2[Assignment, error] {
	return r.assigned(ctx, "atScope()")
}

// AssignmentsOf lists the role assignments of a user or a service principal, by its object
// id, that hold on the registry. Those of the groups that it is in, and of the groups that
// these are in, are included. Azure takes no group's object id here.
//
// Source: Microsoft, "List Azure role assignments using the REST API": assignedTo.
func (r *Registry) AssignmentsOf(ctx context.Context, objectID string) iter.Seq2[Assignment, error] {
	return r.assigned(ctx, "atScope() and assignedTo('"+strings.ReplaceAll(objectID, "'", "''")+"')")
}

func (r *Registry) assigned(ctx context.Context, filter string) iter.Seq2[Assignment, error] {
	filter = strings.ReplaceAll(url.QueryEscape(filter), "+", "%20") // the SDK sends it as it is
	pager := r.assignments.NewListForScopePager(r.ID(),
		&armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: &filter})
	return pages(ctx, r, "list the role assignments", pager,
		func(p armauthorization.RoleAssignmentsClientListForScopeResponse) []*armauthorization.RoleAssignment {
			return p.Value
		}, assignmentOf)
}

func assignmentOf(a *armauthorization.RoleAssignment) Assignment {
	out := Assignment{ID: deref(a.ID)}
	if p := a.Properties; p != nil {
		out.Scope, out.PrincipalID, out.Role = deref(p.Scope), deref(p.PrincipalID), deref(p.RoleDefinitionID)
		out.PrincipalType, out.Condition = string(deref(p.PrincipalType)), deref(p.Condition)
	}
	return out
}

// Roles reads the role definitions that hold on the registry, by the last part of their
// resource id in lower case, which is the same in every scope.
func (r *Registry) Roles(ctx context.Context) (map[string]Role, error) {
	pager := r.definitions.NewListPager(r.ID(), nil)
	all := map[string]Role{}
	for role, err := range pages(ctx, r, "list the role definitions", pager,
		func(p armauthorization.RoleDefinitionsClientListResponse) []*armauthorization.RoleDefinition {
			return p.Value
		}, roleOf) {
		if err != nil {
			return nil, err
		}
		all[roles.Key(role.ID)] = role
	}
	return all, nil
}

// RoleKey is the key of the assignment's role in [Registry.Roles].
func (a Assignment) RoleKey() string { return roles.Key(a.Role) }

func roleOf(d *armauthorization.RoleDefinition) Role {
	out := Role{ID: deref(d.ID)}
	p := d.Properties
	if p == nil {
		return out
	}
	out.Name, out.Description, out.BuiltIn = deref(p.RoleName), deref(p.Description),
		strings.EqualFold(deref(p.RoleType), "BuiltInRole")
	for _, x := range p.Permissions {
		if x != nil {
			out.Permissions = append(out.Permissions, Permission{Actions: values(x.Actions),
				NotActions: values(x.NotActions), DataActions: values(x.DataActions),
				NotDataActions: values(x.NotDataActions)})
		}
	}
	return out
}

func values(in []*string) (out []string) {
	for _, s := range in {
		out = append(out, deref(s))
	}
	return out
}
