package seed

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/manage"
)

// TestFromAzure_leftOut: what an emulator cannot hold is named, and the rest is a good seed.
func TestFromAzure_leftOut(t *testing.T) {
	const sub = "33333333-3333-3333-3333-333333333333"
	const registry = "/providers/Microsoft.ContainerRegistry/registries/teamregistry"
	const group = "/subscriptions/" + sub + "/resourceGroups/rg"
	assignment := func(who, role, scope, condition string) manage.Assignment {
		return manage.Assignment{PrincipalID: "AAAAAAAA-0000-0000-0000-00000000000" + who, PrincipalType: "Group",
			Role: "/x/" + role, Scope: scope, Condition: condition}
	}
	x := &fromAzure{subscription: sub, group: "rg", name: "teamregistry", id: group + registry,
		settings: manage.Settings{SKU: "Premium", ARMTokens: true},
		roles: map[string]manage.Role{"r1": {Name: "AcrPull", BuiltIn: true}, "r2": {Name: "Two parts",
			Permissions: []manage.Permission{{Actions: []string{"*/read"}}, {Actions: []string{"*/write"}}}},
			"cccccccc-0000-0000-0000-000000000007": {Name: "Puller", Description: "pulls",
				Permissions: []manage.Permission{
					{Actions: []string{"Microsoft.ContainerRegistry/registries/pull/read"}}}},
			"cccccccc-0000-0000-0000-000000000008": {Name: "Typo",
				Permissions: []manage.Permission{{Actions: []string{"Microsoft.ContainerRegistry/registries/x/read"}}}},
			"r3": {Name: "Owner", BuiltIn: true}, "r4": {Name: "Key Vault Reader", BuiltIn: true}},
		assignments: []manage.Assignment{
			assignment("1", "r1", strings.ToUpper(group+registry), ""),
			assignment("2", "r2", group, ""),
			assignment("3", "r3", "/providers/Microsoft.Management/managementGroups/root", ""),
			assignment("4", "r4", group, ""),
			assignment("5", "r9", group, ""),
			assignment("6", "r3", group, "@Principal[x] StringEquals 'a'"),
			assignment("1", "r3", group, ""),
			assignment("7", "CCCCCCCC-0000-0000-0000-000000000007", group, ""),
			assignment("8", "cccccccc-0000-0000-0000-000000000007", group+registry, ""),
			assignment("9", "cccccccc-0000-0000-0000-000000000008", group, ""),
		},
		scopeMaps: []manage.ScopeMap{
			{Name: "_repositories_pull", System: true, Actions: []string{"repositories/*/content/read"}},
			{Name: "good-map", Actions: []string{"repositories/b/content/read", "repositories/a/*/content/read",
				"repositories/a/content/read", "gateway/x/config/read"}},
			{Name: "odd-map", Actions: []string{"helm/x/read"}}},
		tokens: []manage.Token{{Name: "good-1", ScopeMap: "Good-Map", Enabled: true,
			Passwords: []manage.Password{{Slot: manage.Slot2}}},
			{Name: "good-2", ScopeMap: "_repositories_pull"}, {Name: "odd-1", ScopeMap: "odd-map"},
			{Name: "teamregistry!", ScopeMap: "good-map"}},
	}
	x.repositories = append(named(x.scopeMaps), "Bad")
	s := x.seed()
	if diff := cmp.Diff([]string{
		`the role "Two parts" of AAAAAAAA-0000-0000-0000-000000000002: it has 2 permissions, and a seed's has one`,
		`the role "Key Vault Reader" of AAAAAAAA-0000-0000-0000-000000000004: `,
		`a role of AAAAAAAA-0000-0000-0000-000000000005 whose definition could not be read`,
		`the role "Owner" of AAAAAAAA-0000-0000-0000-000000000006: `,
		`the role "Typo" of AAAAAAAA-0000-0000-0000-000000000009: `,
		`the scope map "odd-map": `,
		`the token "odd-1": its scope map "odd-map" is left out`,
		`the token "teamregistry!": `,
		`the repository "Bad": `,
	}, x.leftOut, cmp.Comparer(func(a, b string) bool {
		begins := func(a, b string) bool { return strings.HasPrefix(a, b) && strings.HasSuffix(b, ": ") }
		return a == b || begins(a, b) || begins(b, a)
	})); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	var text strings.Builder
	if err := seed.Write(&text, s, "a comment"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# a comment", "name: good-1", "status: disabled", "name: a\n", "name: b\n",
		"Left out, without values: passwords: [{name: password2}]"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	if r := s.Registries[0]; len(r.RoleAssignments) != 2 || len(s.Subscriptions[0].RoleAssignments) != 1 ||
		len(s.Subscriptions[0].ResourceGroups[0].RoleAssignments) != 2 || len(s.Tenants[0].Applications) != 4 ||
		len(s.RoleDefinitions) != 1 ||
		len(r.Tokens) != 2 || len(r.ScopeMaps) != 1 || len(r.Repositories) != 2 {
		t.Errorf("%s", &text)
	}
}
