package emulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
)

// abacSeed is a registry in ABAC mode; each condition is that of one assignment.
func abacSeed(role string, conditions ...string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "tenants: [{id: %s, applications: [{clientId: %s, secrets: [{value: %s}]}]}]\n"+
		"subscriptions: [{id: 33333333-3333-3333-3333-333333333333, resourceGroups: [{name: rg}]}]\n"+
		"registries:\n- name: myregistry\n  roleAssignmentMode: AbacRepositoryPermissions\n"+
		"  repositories: [{name: team/app, images: [{tags: [v1]}]}, {name: other, images: [{tags: [v1]}]}]\n"+
		"  roleAssignments:\n", tenantID, clientID, secret)
	for _, c := range conditions {
		fmt.Fprintf(&s, "  - clientId: %s\n    role: %s\n    condition: |\n      %s\n", clientID, role,
			strings.ReplaceAll(c, "\n", "\n      "))
	}
	return s.String()
}

// TestConditions: the text of Azure decides each request, and the decision log has it.
func TestConditions(t *testing.T) {
	const (
		actions = "Microsoft.ContainerRegistry/registries/repositories/"
		name    = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]"
	)
	readers := "(\n (\n  !(ActionMatches{'" + actions + "content/write'})\n )\n OR\n (\n  " + name +
		" StringStartsWithIgnoreCase 'Team/'\n )\n)"
	f := start(t, &emulator.Options{Seed: parse(t, abacSeed("Container Registry Repository Writer", readers))})
	access := func(scope string) string {
		return f.password(clientID, secret, scope).field(t, "access_token")
	}
	// Reading is not narrowed, writing is.
	for _, x := range []struct {
		method, path, scope string
		status              int
		rule                rule.ID
	}{
		{"GET", "/v2/team/app/manifests/v1", "repository:team/app:pull", 200, ""},
		{"GET", "/v2/other/manifests/v1", "repository:other:pull", 200, ""},
		{"POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push", 202, ""},
		{"POST", "/v2/other/blobs/uploads/", "repository:other:pull,push", 401, rule.ABACCondition},
		{"DELETE", "/acr/v1/team/app/_tags/v1", "repository:team/app:delete", 401, rule.RightMissing},
		{"GET", "/acr/v1/_catalog", "registry:catalog:*", 401, rule.RightMissing},
	} {
		a := f.do(x.method, x.path, bearer(access(x.scope)), "")
		d := f.last()
		if a.status != x.status || d.RuleID != x.rule {
			t.Errorf("%s %s: %d %s, by %q", x.method, x.path, a.status, a.body, d.RuleID)
		}
		line := "role Container Registry Repository Writer with the condition " +
			strings.Join(strings.Fields(readers), " ")
		switch {
		case x.status < 300 && !slices.Equal(d.Rules, []string{line}):
			t.Errorf("%s %s: the rules are %q", x.method, x.path, d.Rules)
		case x.rule == rule.ABACCondition && !strings.Contains(d.Reason, line+" does"):
			t.Errorf("%s %s: the reason is %q", x.method, x.path, d.Reason)
		}
	}

	// The rights of now count, not those of the token.
	r, pull := f.registry(), access("repository:other:pull")
	must(t, r.RemoveRoles(t.Context(), clientID))
	must(t, r.AssignRole(t.Context(), seed.RoleAssignment{ClientID: clientID,
		Role:      "Container Registry Repository Reader",
		Condition: name + " StringEquals 'team/app'"}))
	if a := f.get("/v2/other/manifests/v1", bearer(pull)); a.status != 401 || f.last().RuleID != rule.ABACRepository {
		t.Errorf("with another condition: %d, by %q", a.status, f.last().RuleID)
	}
	// Assignments are joined.
	must(t, r.AssignRole(t.Context(), seed.RoleAssignment{ClientID: clientID,
		Role:      "Container Registry Repository Reader",
		Condition: name + " StringLike 'oth*'"}))
	for _, repo := range []string{"other", "team/app"} {
		if a := f.get("/v2/"+repo+"/manifests/v1", bearer(access("repository:"+repo+":pull"))); a.status != 200 {
			t.Errorf("%s with two assignments: %d", repo, a.status)
		}
	}
	// None for all repositories.
	if f.password(clientID, secret, "repository:*:pull").field(t, "access_token"); f.last().Missing !=
		"repository:*:pull" {
		t.Errorf("a token for all repositories lacks %q", f.last().Missing)
	}
}

// TestConditions_refused: a seed or a call with a condition that is not understood is
// refused, and nothing of it is stored.
func TestConditions_refused(t *testing.T) {
	const reader = "Container Registry Repository Reader"
	for _, x := range []struct{ role, condition, want string }{
		{reader, "@Request[Microsoft.ContainerRegistry/registries/repositories:name]\nStringMatches 'team/.*'",
			`condition: line 2, column 1: found "StringMatches", expected an operator such as StringEquals`},
		{reader, "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Team] StringEquals 'a'",
			"condition: line 1, column 1: the attribute"},
		{"Container Registry Repository Catalog Lister",
			"@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'a'",
			"condition: an assignment of the role Container Registry Repository Catalog Lister cannot have one"},
		{"AcrPull", "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'a'",
			"condition: an assignment of the role AcrPull cannot have one"},
	} {
		_, err := seed.Read(strings.NewReader(abacSeed(x.role, x.condition)))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("a seed with %s: %v", x.condition, err)
		}
		f := start(t, &emulator.Options{Seed: parse(t, strings.TrimSuffix(abacSeed(reader), "  roleAssignments:\n"))})
		err = f.registry().AssignRole(t.Context(), seed.RoleAssignment{ClientID: clientID, Role: x.role,
			Condition: x.condition})
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("AssignRole with %s: %v", x.condition, err)
		}
		if a := f.password(clientID, secret, "repository:team/app:pull"); a.status != 403 {
			t.Errorf("after %s: %d %s", x.condition, a.status, a.body)
		}
	}
}
