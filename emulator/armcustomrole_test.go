package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

const (
	aRole       = "cccccccc-0000-4000-8000-000000000001"
	anotherRole = "cccccccc-0000-4000-8000-000000000002"
	ofRegistry  = "Microsoft.ContainerRegistry/registries/"
)

// customRole is the body of a role as az sends it; more is in its properties, too.
func customRole(name string, scopes []string, permission string) string {
	text, _ := json.Marshal(scopes)
	return fmt.Sprintf(`{"properties":{"roleName":%q,"description":"d","type":"CustomRole","assignableScopes":%s,
		"permissions":[%s]}}`, name, text, permission)
}

// pulls reports whether the application without roles of its own can read samples/app.
func (f *fixture) pulls() bool {
	f.t.Helper()
	entra := f.entraToken("https://containerregistry.azure.net/.default").field(f.t, "access_token")
	a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token", entra)
	if a.status != 200 {
		return false
	}
	access := f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "scope",
		"repository:samples/app:pull", "refresh_token", a.field(f.t, "refresh_token")).field(f.t, "access_token")
	return f.get("/v2/samples/app/manifests/v1", bearer(access)).status == 200
}

// TestArmCustomRole: a custom role is defined, assigned, changed, renamed and removed, and
// gives what its actions say, on Azure Resource Manager and on content.
func TestArmCustomRole(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	c, oid := f.arm(), f.objectID()
	must(t, f.registry().RemoveRoles(t.Context(), clientID))
	put := func(name, permission string) answer {
		t.Helper()
		return c.want(201, "PUT", armSub+definition+"/"+strings.ToUpper(aRole),
			customRole(name, []string{armSub}, permission))
	}
	made := put("Puller", `{"actions":["`+ofRegistry+`pull/read","`+ofRegistry+`read"]}`)
	made.has(t, `"type":"CustomRole"`, `"assignableScopes":["`+armSub+`"]`, `"name":"`+aRole+`"`, `"notActions":[]`,
		`"id":"`+armSub+definition+"/"+aRole+`"`, `"createdBy":"`)
	if f.pulls() {
		t.Fatal("it pulls before the role is assigned")
	}
	c.want(201, "PUT", armRegistry+assignment+"/"+anAssignment, roleBody(aRole, oid, ""))
	if !f.pulls() {
		t.Error("it does not pull with the role")
	}
	me := f.armAs(f.entraToken("https://management.azure.com/.default"))
	me.want(200, "GET", armRegistry, "")
	me.want(403, "GET", armRegistry+"/tokens", "")

	// Another definition holds at once, and another name keeps the assignment.
	put("Reader of tokens", `{"actions":["`+ofRegistry+`*"],"notActions":["`+ofRegistry+`pull/read","`+ofRegistry+
		`tokens/write"]}`).has(t, `"roleName":"Reader of tokens"`)
	if f.pulls() {
		t.Error("it pulls with a notAction")
	}
	me.want(200, "GET", armRegistry+"/tokens", "")
	me.want(403, "PUT", armRegistry+"/tokens/new-token", `{}`)
	c.want(200, "GET", armRegistry+assignment+"/"+anAssignment, "").has(t, "roleDefinitions/"+aRole)

	// Actions on data hold in ABAC mode, where a condition narrows them.
	put("Puller", `{"dataActions":["`+ofRegistry+`repositories/*"],"notDataActions":["`+ofRegistry+
		`repositories/metadata/read"]}`)
	if f.pulls() {
		t.Error("actions on data hold in legacy mode")
	}
	must(t, f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.RoleAssignmentMode = "AbacRepositoryPermissions"
	}))
	if !f.pulls() {
		t.Error("actions on data do not hold in ABAC mode")
	}
	for _, repository := range []string{"other", "samples/app"} {
		c.want(201, "PUT", armRegistry+assignment+"/"+anAssignment, roleBody(aRole, oid, `,"conditionVersion":"2.0",`+
			`"condition":"@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals '`+
			repository+`'"`))
		if got := f.pulls(); got != (repository == "samples/app") {
			t.Errorf("with a condition for %s it pulls samples/app: %t", repository, got)
		}
	}

	// A condition is on actions on data, so in legacy mode the assignment gives nothing.
	put("Puller", `{"actions":["*"],"dataActions":["*"]}`)
	must(t, f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.RoleAssignmentMode = "LegacyRegistryPermissions"
	}))
	if f.pulls() {
		t.Error("an assignment with a condition gives rights in legacy mode")
	}
	c.refused("DELETE", armSub+definition+"/"+aRole, "", 400, "RoleDefinitionHasAssignments",
		"existing role assignments")
	f.stop()
	f = start(t, &emulator.Options{DataDir: dir})
	c = f.arm()
	c.want(200, "GET", armGroup+definition+"/"+aRole, "").has(t, `"roleName":"Puller"`)
	c.want(200, "DELETE", armRegistry+assignment+"/"+anAssignment, "")
	c.want(200, "DELETE", armSub+definition+"/"+aRole, "").has(t, `"roleName":"Puller"`)
	c.want(204, "DELETE", armSub+definition+"/"+aRole, "")
	c.refused("GET", armSub+definition+"/"+aRole, "", 404, "RoleDefinitionDoesNotExist", aRole)
}

// TestArmCustomRole_list: a custom role is listed where it can be assigned, and with
// atScopeAndBelow() above it, too.
func TestArmCustomRole_list(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	c.want(201, "PUT", armGroup+definition+"/"+aRole, customRole("Of the group", []string{armGroup},
		`{"actions":["*/read"]}`))
	list := func(path, filter string) (names []string) {
		t.Helper()
		a := c.want(200, "GET", path+definition+armVersion+"&$filter="+url.QueryEscape(filter), "")
		var v struct{ Value []struct{ Name string } }
		must(t, json.Unmarshal([]byte(a.body), &v))
		for _, x := range v.Value {
			names = append(names, x.Name)
		}
		return names
	}
	for _, x := range []struct {
		path, filter string
		there        bool
	}{
		{armSub, "", false}, {armSub, "atScopeAndBelow()", true}, {armGroup, "", true},
		{armRegistry, "roleName eq 'of THE group'", true}, {armRegistry, "type eq 'CustomRole'", true},
		{armRegistry, "type eq 'BuiltInRole'", false}, {armRegistry, "roleName eq 'Reader'", false},
		{armSub, "atScopeAndBelow() and type eq 'customrole'", true}, {"", "", false},
	} {
		if got := list(x.path, x.filter); slices.Contains(got, aRole) != x.there ||
			strings.Contains(x.filter, "ustom") && len(got) != 1 {
			t.Errorf("%s, %q: %q", x.path, x.filter, got)
		}
	}
	c.refused("GET", definition+"/"+aRole, "", 404, "RoleDefinitionDoesNotExist", aRole) // no subscription
}

// TestArmCustomRole_refused: what cannot be defined, assigned or removed.
func TestArmCustomRole_refused(t *testing.T) {
	f := start(t, nil)
	c, oid := f.arm(), f.objectID()
	const read = `{"actions":["*/read"]}`
	sub := []string{armSub}
	put := func(body string, code, message string) {
		t.Helper()
		status := 400
		if strings.HasSuffix(code, "Exists") {
			status = 409
		}
		c.refused("PUT", armSub+definition+"/"+aRole, body, status, code, message)
	}
	c.want(201, "PUT", armSub+definition+"/"+anotherRole, customRole("Taken", []string{armGroup}, read))
	put(customRole("taken", sub, read), "RoleDefinitionWithSameNameExists", "same name")
	put(customRole("acrpull", sub, read), "RoleDefinitionWithSameNameExists", "same name")
	put(customRole("x", sub, `{"actions":["`+ofRegistry+`token/read"]}`), "InvalidActionOrNotAction",
		"'"+ofRegistry+"token/read' does not match any of the actions supported by the providers.")
	put(customRole("x", sub, `{"actions":["*"],"notActions":["`+ofRegistry+`repositories/content/read"]}`),
		"InvalidActionOrNotAction", "content/read")
	put(customRole("x", sub, `{"dataActions":["`+ofRegistry+`pull/read"]}`), "InvalidDataActionOrNotDataAction",
		"pull/read")
	put(customRole("x", sub, `{"dataActions":["*"],"notDataActions":["x"]}`), "InvalidDataActionOrNotDataAction", "'x'")
	put(customRole("x", sub, read+","+read), "InvalidRoleDefinitionPermissions", "not 2")
	put(customRole("x", sub, ""), "InvalidRoleDefinitionPermissions", "not 0")
	put(customRole("", sub, read), "InvalidParameter", "name")
	put(customRole("x", sub, `{"notActions":["*"]}`), "InvalidParameter", "neither actions nor dataActions")
	put(customRole("x", nil, read), "InvalidParameter", "assignableScopes")
	put(customRole("x", []string{"/"}, read), "InvalidAssignableScope", "'/'")
	put(customRole("x", []string{armSub + "/x"}, read), "InvalidParameter", "assignableScopes[0]")
	put(customRole("x", []string{"/subscriptions/" + aRole}, read), "InvalidAssignableScope", aRole)
	put("{", "InvalidRequestContent", "")
	c.refused("PUT", armSub+definition+"/x", customRole("x", sub, read), 400, "InvalidRoleDefinitionId", "GUID")
	c.refused("PUT", armSub+definition+"/"+acrPull, customRole("x", sub, read), 400, "RoleDefinitionUpdateNotPermitted",
		"built in")
	c.refused("DELETE", armSub+definition+"/"+acrPull, "", 400, "RoleDefinitionUpdateNotPermitted", "built in")

	// It cannot be assigned above its scopes, nor beside them.
	c.refused("PUT", armSub+assignment+"/"+anAssignment, roleBody(anotherRole, oid, ""), 400,
		"RoleAssignmentScopeNotAssignableToRoleDefinition", anotherRole)
	c.want(201, "PUT", armRegistry+assignment+"/"+anAssignment, roleBody(anotherRole, oid, ""))
	// It keeps what it is assigned on.
	c.refused("PUT", armSub+definition+"/"+anotherRole, customRole("Taken", []string{armSub + "/resourceGroups/other"},
		read), 400, "RoleDefinitionHasAssignments", "existing role assignments")
	c.want(201, "PUT", armSub+definition+"/"+anotherRole, customRole("Taken",
		[]string{armRegistry, armGroup + "x"}, read))

	// The caller needs the right on every scope of the role, not on the request's alone.
	must(t, f.PutRoleDefinition(t.Context(), seed.RoleDefinition{Name: "Role writer",
		Actions: []string{"Microsoft.Authorization/roleDefinitions/*"}}))
	must(t, f.registry().AssignRole(t.Context(), seed.RoleAssignment{ClientID: clientID, Role: "role WRITER"}))
	me := f.armAs(f.entraToken("https://management.azure.com/.default"))
	me.want(201, "PUT", armRegistry+definition+"/"+aRole, customRole("Mine", []string{armRegistry}, read))
	me.refused("PUT", armRegistry+definition+"/"+aRole, customRole("Mine", []string{armRegistry, armGroup}, read), 403,
		"LinkedAuthorizationFailed", "Microsoft.Authorization/roleDefinitions/write")
	if d := f.last(); !strings.Contains(d.Reason, "roleDefinitions/write on "+armGroup) {
		t.Errorf("the decision log says %q", d.Reason)
	}
	me.refused("PUT", armSub+definition+"/"+aRole, customRole("Mine", sub, read), 403, "AuthorizationFailed",
		"roleDefinitions/write")
	me.refused("DELETE", armRegistry+definition+"/"+anotherRole, "", 403, "LinkedAuthorizationFailed",
		"roleDefinitions/delete")
	me.want(200, "DELETE", armRegistry+definition+"/"+aRole, "")
}

// TestRoleDefinitions_limit: there can be 5000 custom roles.
func TestRoleDefinitions_limit(t *testing.T) {
	var s strings.Builder
	s.WriteString(seed.Example() + "roleDefinitions:\n")
	for i := range 4999 {
		fmt.Fprintf(&s, "- {name: role %d, actions: ['*/read']}\n", i)
	}
	f := start(t, &emulator.Options{Seed: parse(t, s.String())})
	define := func(name string) error {
		return f.PutRoleDefinition(t.Context(), seed.RoleDefinition{Name: name, Actions: []string{"*"}})
	}
	must(t, define("role 5000"))
	if err := define("role 5001"); err == nil || !strings.Contains(err.Error(), "5000 custom roles") {
		t.Errorf("the 5001st: %v", err)
	}
	must(t, define("ROLE 17")) // one that exists
	f.arm().refused("PUT", armSub+definition+"/"+aRole, customRole("x", []string{armSub}, `{"actions":["*"]}`), 400,
		"RoleDefinitionLimitExceeded", "No more role definitions")
}
