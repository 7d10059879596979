package manage

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
)

// Assignment is a role assignment that holds on a registry: on the registry itself, or on
// what it is in.
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
	ID       string
	Name     string // AcrPull
	BuiltIn  bool
	Allows   []string // actions of the control plane, with wildcards
	Denies   []string // of these, what is not allowed
	Data     []string // actions on the registry's content
	DataNots []string
}

// Assignments lists the role assignments that hold on the registry, inherited ones
// included. Roles on parts of the registry are no part of it: ACR has none.
func (r *Registry) Assignments(ctx context.Context) iter.Seq2[Assignment, error] {
	filter := "atScope()"
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
		all[roleKey(role.ID)] = role
	}
	return all, nil
}

// RoleKey is the key of the assignment's role in [Registry.Roles].
func (a Assignment) RoleKey() string { return roleKey(a.Role) }

func roleKey(id string) string { return strings.ToLower(id[strings.LastIndexByte(id, '/')+1:]) }

func roleOf(d *armauthorization.RoleDefinition) Role {
	out := Role{ID: deref(d.ID)}
	p := d.Properties
	if p == nil {
		return out
	}
	out.Name, out.BuiltIn = deref(p.RoleName), strings.EqualFold(deref(p.RoleType), "BuiltInRole")
	for _, x := range p.Permissions {
		if x != nil {
			out.Allows = append(out.Allows, values(x.Actions)...)
			out.Denies = append(out.Denies, values(x.NotActions)...)
			out.Data = append(out.Data, values(x.DataActions)...)
			out.DataNots = append(out.DataNots, values(x.NotDataActions)...)
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

// wait ends after d, or with the context.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
