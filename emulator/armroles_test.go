package emulator_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
)

const (
	acrPull   = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	repReader = "b93aa761-3e63-49ed-ac28-beffa264f7ac"
	reader    = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

	assignment   = "/providers/Microsoft.Authorization/roleAssignments"
	definition   = "/providers/Microsoft.Authorization/roleDefinitions"
	anAssignment = "aaaaaaaa-0000-4000-8000-000000000001"
)

// objectID is that of the application which owns nothing.
func (f *fixture) objectID() string {
	f.t.Helper()
	entra := f.entraToken("https://containerregistry.azure.net/.default").field(f.t, "access_token")
	oid, _ := claims(f.t, entra)["oid"].(string)
	return oid
}

func roleBody(role, principal, more string) string {
	return `{"properties":{"roleDefinitionId":"` + armSub + definition + "/" + role + `","principalId":"` +
		principal + `"` + more + `}}`
}

// TestArmRoleDefinitions: the built-in roles by name, by id and all.
func TestArmRoleDefinitions(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	list := func(path, filter string) (ids []string) {
		t.Helper()
		a := c.want(200, "GET", path+definition+armVersion+"&$filter="+url.QueryEscape(filter), "")
		var v struct {
			Value []struct {
				ID, Name   string
				Properties struct {
					RoleName, Type string
					Permissions    []struct{ Actions, NotActions, DataActions, NotDataActions []string }
				}
			}
		}
		must(t, json.Unmarshal([]byte(a.body), &v))
		for _, x := range v.Value {
			if x.Properties.Type != "BuiltInRole" || len(x.Properties.Permissions) != 1 ||
				x.Properties.Permissions[0].NotDataActions == nil {
				t.Errorf("%+v", x)
			}
			ids = append(ids, x.ID)
		}
		return ids
	}
	for _, path := range []string{armSub, armSub + "/resourceGroups/rg", armRegistry} {
		want := armSub + definition + "/" + acrPull
		if got := list(path, "roleName eq 'acrpull'"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if all := list(armRegistry, ""); len(all) < 10 {
		t.Errorf("%d roles", len(all))
	}
	for _, none := range []string{"type eq 'CustomRole'", "roleName eq 'Nothing'"} {
		if got := list(armRegistry, none); len(got) != 0 {
			t.Errorf("%s: %q", none, got)
		}
	}
	for _, path := range []string{armRegistry, armSub, ""} {
		got := c.want(200, "GET", path+definition+"/"+strings.ToUpper(repReader), "").properties(t)
		if got["roleName"] != "Container Registry Repository Reader" {
			t.Errorf("%v", got)
		}
	}
	c.refused("GET", armRegistry+definition+"/"+anAssignment, "", 404, "RoleDefinitionDoesNotExist", anAssignment)
	c.refused("GET", armRegistry+definition+armVersion+"&$filter=x+eq+1", "", 400, "UnsupportedQuery", "roleName")
}

// TestArmRoleAssignments: a role that is assigned gives its rights at once, and deleted, it
// takes them away, on each scope and in both modes.
func TestArmRoleAssignments(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	oid := f.objectID()
	must(t, f.registry().RemoveRoles(t.Context(), clientID))
	pulls := func() bool {
		t.Helper()
		entra := f.entraToken("https://containerregistry.azure.net/.default").field(t, "access_token")
		a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token", entra)
		if a.status != 200 {
			return false
		}
		access := f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "scope",
			"repository:samples/app:pull", "refresh_token", a.field(t, "refresh_token")).field(t, "access_token")
		return f.get("/v2/samples/app/manifests/v1", bearer(access)).status == 200
	}
	const condition = "(!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'}) OR " +
		"(@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'REPOSITORY'))"
	must(t, f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.RoleAssignmentMode = "AbacRepositoryPermissions"
	}))
	for repository, want := range map[string]bool{"samples/app": true, "samples/other": false} {
		text := strings.Replace(condition, "REPOSITORY", repository, 1)
		made := c.want(201, "PUT", armRegistry+assignment+"/"+anAssignment, roleBody(repReader, oid,
			`,"conditionVersion":"2.0","condition":"`+text+`"`)).properties(t)
		if made["condition"] != text || made["conditionVersion"] != "2.0" {
			t.Errorf("%v", made)
		}
		if got := pulls(); got != want {
			t.Errorf("with a condition for %s it pulls samples/app: %t", repository, got)
		}
	}
	c.want(200, "DELETE", armRegistry+assignment+"/"+anAssignment, "")
	for mode, role := range map[string]string{"LegacyRegistryPermissions": acrPull,
		"AbacRepositoryPermissions": repReader} {
		must(t, f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
			s.RoleAssignmentMode = mode
		}))
		for _, scope := range []string{armRegistry, armSub + "/resourceGroups/RG", armSub} {
			if pulls() {
				t.Fatalf("%s, %s: it pulls before", mode, scope)
			}
			made := c.want(201, "PUT", scope+assignment+"/"+anAssignment,
				roleBody(role, oid, `,"principalType":"ServicePrincipal"`)).properties(t)
			if made["principalId"] != oid || made["roleDefinitionId"] != armSub+definition+"/"+role ||
				!strings.EqualFold(made["scope"].(string), scope) || made["principalType"] != "ServicePrincipal" {
				t.Errorf("%v", made)
			}
			if !pulls() {
				t.Errorf("%s, %s: it does not pull", mode, scope)
			}
			c.want(200, "GET", scope+assignment+"/"+anAssignment, "")
			c.want(200, "DELETE", scope+assignment+"/"+anAssignment, "")
			c.want(204, "DELETE", scope+assignment+"/"+anAssignment, "")
			if pulls() {
				t.Errorf("%s, %s: it pulls after", mode, scope)
			}
		}
	}
}

// TestArmRoleAssignments_list: lists by scope and principal, as az and Terraform ask.
func TestArmRoleAssignments_list(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	oid := f.objectID()
	c.want(201, "PUT", armSub+assignment+"/"+anAssignment, roleBody(reader, oid, ""))
	list := func(path, filter string) (n int, ours bool) {
		t.Helper()
		a := c.want(200, "GET", path+assignment+armVersion+"&$filter="+url.QueryEscape(filter), "")
		var v struct{ Value []struct{ Name string } }
		must(t, json.Unmarshal([]byte(a.body), &v))
		for _, x := range v.Value {
			ours = ours || x.Name == anAssignment
		}
		return len(v.Value), ours
	}
	// The seed has one on the subscription and two on the registry.
	for _, x := range []struct {
		path, filter string
		n            int
		ours         bool
	}{
		{armSub, "", 4, true}, {armRegistry, "", 4, true}, {armSub, "atScope()", 2, true},
		{armRegistry, "atScope()", 4, true}, {armRegistry, "principalId eq '" + oid + "'", 3, true},
		{armSub, "assignedTo('" + strings.ToUpper(oid) + "')", 3, true},
		{armSub, "atScope() and assignedTo('" + oid + "')", 1, true},
		{armRegistry, "principalId eq '" + anAssignment + "'", 0, false},
	} {
		if n, ours := list(x.path, x.filter); n != x.n || ours != x.ours {
			t.Errorf("%s %q: %d, ours %t; want %d, %t", x.path, x.filter, n, ours, x.n, x.ours)
		}
	}
	c.refused("GET", armRegistry+assignment+armVersion+"&$filter=principalId+eq+x", "", 400, "UnsupportedQuery",
		"assignedTo()")
	c.refused("GET", armRegistry+assignment+"/"+anAssignment, "", 404, "RoleAssignmentNotFound", anAssignment)
}

// TestArmRoleAssignments_refused: what cannot be assigned, in the words of the service.
func TestArmRoleAssignments_refused(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	oid := f.objectID()
	put := func(body string, status int, code, message string) {
		t.Helper()
		c.refused("PUT", armRegistry+assignment+"/"+anAssignment, body, status, code, message)
	}
	put(roleBody(acrPull, "bbbbbbbb-0000-4000-8000-000000000002", ""), 400, "PrincipalNotFound",
		"Principal bbbbbbbb000040008000000000000002 does not exist in the directory "+tenantID+". Check that you have "+
			"the correct principal ID.")
	put(roleBody(anAssignment, oid, ""), 400, "RoleDefinitionDoesNotExist", anAssignment)
	put(roleBody(acrPull, "x", ""), 400, "InvalidPrincipalId", "'x'")
	put(roleBody(acrPull, oid, `,"principalType":"User"`), 400, "UnmatchedPrincipalType", "'ServicePrincipal'")
	put(roleBody(repReader, oid, `,"condition":"(1 = 1)"`), 400, "InvalidConditionVersion", "2.0")
	put(roleBody(repReader, oid, `,"condition":"(1 = 1)","conditionVersion":"2.0"`), 400, "InvalidParameter",
		"condition")
	c.refused("PUT", armRegistry+assignment+"/x", roleBody(acrPull, oid, ""), 400, "InvalidRoleAssignmentId", "GUID")

	c.want(201, "PUT", armRegistry+assignment+"/"+anAssignment, roleBody(acrPull, oid, ""))
	again := c.want(201, "PUT", armRegistry+assignment+"/"+strings.ToUpper(anAssignment), roleBody(acrPull, oid,
		`,"description":"why"`))
	if got := again.properties(t)["description"]; got != "why" {
		t.Errorf("the description is %v", got)
	}
	put(roleBody(reader, oid, ""), 400, "RoleAssignmentUpdateNotPermitted", "not allowed to be updated")
	c.refused("PUT", armRegistry+assignment+"/bbbbbbbb-0000-4000-8000-000000000002", roleBody(acrPull, oid, ""), 409,
		"RoleAssignmentExists", "The role assignment already exists. The ID of the existing role assignment is "+
			"aaaaaaaa000040008000000000000001.")
	// The other application may read the registry, and assign nothing.
	h := bearer(f.entraToken("https://management.azure.com/.default").field(t, "access_token"))
	a := f.do("PUT", armRegistry+assignment+"/"+anAssignment+armVersion, h, roleBody(acrPull, oid, ""))
	if a.status != 403 ||
		!strings.Contains(a.body, "Microsoft.Authorization/roleAssignments/write") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
