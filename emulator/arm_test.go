package emulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
)

func (a answer) has(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s\nlacks %s", a.body, part)
		}
	}
}

// TestArmRegistryLife: a group and a registry are made, changed, used and deleted.
func TestArmRegistryLife(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	const group = armSub + "/resourceGroups/New.Group"
	const reg = group + "/providers/Microsoft.ContainerRegistry/registries/newreg01"
	c.want(404, "HEAD", group, "")
	c.want(201, "PUT", group, `{"location":"West Europe","tags":{"a":"b"}}`).has(t, `"location":"westeurope"`,
		`"tags":{"a":"b"}`)
	c.want(204, "HEAD", group, "")
	c.want(200, "PUT", group, `{"location":"westeurope"}`).has(t, `"tags":{}`)
	c.want(409, "PUT", group, `{"location":"eastus"}`).has(t, "InvalidResourceGroupLocation")
	c.want(200, "PATCH", group, `{"tags":{"x":"y"}}`).has(t, `"x":"y"`)
	c.want(404, "GET", reg, "").has(t, `"code":"ResourceNotFound"`, "Microsoft.ContainerRegistry/registries/newreg01")
	c.want(200, "POST", armSub+"/providers/Microsoft.ContainerRegistry/checkNameAvailability",
		`{"name":"newreg01","type":"Microsoft.ContainerRegistry/registries"}`).has(t, `{"nameAvailable":true}`)

	const body = `{"location":"westeurope","sku":{"name":"premium"},"properties":{"adminUserEnabled":true}}`
	made := c.want(200, "PUT", reg, body)
	made.has(t, `"publicNetworkAccess":"Enabled"`, `"zoneRedundancy":"Disabled"`, `"adminUserEnabled":true`,
		`"provisioningState":"Succeeded"`, `"loginServer":"newreg01.azurecr.localhost`, `"tier":"Premium"`)
	c.want(200, "GET", reg, "").has(t, `"name":"newreg01"`)
	c.want(200, "POST", group+"/providers/Microsoft.ContainerRegistry/checkNameAvailability",
		`{"name":"NewReg01","type":"Microsoft.ContainerRegistry/registries"}`).has(t, `"reason":"AlreadyExists"`)
	c.want(409, "PUT", strings.Replace(reg, "New.Group", "rg", 1), body).has(t, `"code":"AlreadyInUse"`)
	c.want(409, "PUT", reg, strings.Replace(body, "westeurope", "eastus", 1)).has(t, "InvalidResourceLocation")

	// The data plane serves it at once.
	host := "newreg01.azurecr.localhost"
	if a := f.get("https://"+host+"/v2/", nil); a.status != 401 {
		t.Errorf("the new registry: %d", a.status)
	}
	credentials := c.want(200, "POST", reg+"/listCredentials", "")
	password := func(a answer, i int) string {
		var v struct {
			Passwords []struct{ Name, Value string }
		}
		must(t, json.Unmarshal([]byte(a.body), &v))
		return v.Passwords[i].Value
	}
	login := func(password string) int {
		return f.get("https://"+host+"/oauth2/token?service="+host+"&scope=registry:catalog:*",
			basic("newreg01", password)).status
	}
	first, second := password(credentials, 0), password(credentials, 1)
	renewed := c.want(200, "POST", reg+"/regenerateCredential", `{"name":"password"}`)
	if password(renewed, 1) != second || password(renewed, 0) == first {
		t.Error("the wrong password was renewed")
	}
	if login(first) != 401 || login(password(renewed, 0)) != 200 || login(second) != 200 {
		t.Error("the passwords do not follow the renewal")
	}
	c.want(400, "POST", reg+"/regenerateCredential", `{"name":"password3"}`)

	c.want(200, "PATCH", reg, `{"tags":{"k":"v"},"properties":{"adminUserEnabled":false,"anonymousPullEnabled":true,`+
		`"zoneRedundancy":"Enabled","policies":{"retentionPolicy":{"days":30,"status":"enabled"}},`+
		`"networkRuleSet":{"defaultAction":"Deny","ipRules":[{"action":"Allow","value":"10.0.0.1"}]}}}`).has(t,
		`"tags":{"k":"v"}`, `"anonymousPullEnabled":true`, `"zoneRedundancy":"Enabled"`, `"days":30`,
		`"defaultAction":"Deny"`, `"value":"10.0.0.1"`)
	c.want(400, "POST", reg+"/listCredentials", "").has(t, "UnAuthorizedForCredentialOperations")
	if a := f.get("https://"+host+"/v2/", nil); a.status != 403 {
		t.Errorf("the network rules do not hold: %d", a.status)
	}
	c.want(200, "PATCH", reg, `{"properties":{"networkRuleSet":{"defaultAction":"Allow"},`+
		`"publicNetworkAccess":"Disabled"}}`).has(t, `"publicNetworkAccess":"Disabled"`)
	if a := f.get("https://"+host+"/v2/", nil); a.status != 403 {
		t.Errorf("publicNetworkAccess does not hold: %d", a.status)
	}
	c.want(400, "PATCH", reg, `{"sku":{"name":"Basic"}}`)
	c.want(400, "PATCH", reg, `{"properties":{"zoneRedundancy":"Perhaps"}}`)
	c.want(200, "GET", reg+"/listUsages", "").has(t,
		`{"currentValue":0,"limit":536870912000,"name":"Size","unit":"Bytes"}`)
	c.want(200, "GET", reg+"/replications", "").has(t, `"name":"westeurope"`)
	c.want(200, "GET", reg+"/replications/westeurope", "")
	c.want(404, "GET", reg+"/replications/eastus", "")

	resources := group + "/resources"
	if a := f.get(resources+armVersion+"&$expand=provisioningState&$top=10", c.token); !strings.Contains(a.body,
		`"name":"newreg01"`) {
		t.Errorf("resources: %s", a.body)
	}
	c.want(200, "DELETE", reg, "")
	c.want(204, "DELETE", reg, "")
	c.want(404, "GET", reg, "")
	if a := f.get("https://"+host+"/v2/", nil); a.status != 404 {
		t.Errorf("the deleted registry: %d", a.status)
	}
	if a := f.get(resources+armVersion+"&$expand=provisioningState&$top=10", c.token); a.body != "{\"value\":[]}\n" {
		t.Errorf("resources: %s", a.body)
	}
	// Made again, it is empty and has other passwords; the group takes it along.
	if again := c.want(200, "PUT", reg, body); again.status == 200 {
		if password(c.want(200, "POST", reg+"/listCredentials", ""), 1) == second {
			t.Error("a registry of the same name has the old passwords")
		}
	}
	gone := c.want(202, "DELETE", group, "")
	at := strings.TrimPrefix(gone.header.Get("Location"), "https://"+f.host)
	if a := f.get(at, c.token); a.status != 200 || a.body != "" {
		t.Errorf("the operation: %d %s", a.status, a.body)
	}
	c.want(404, "GET", group, "").has(t, "ResourceGroupNotFound")
	if names := f.Registries(); slices.Contains(names, "newreg01") {
		t.Error("the registry outlives its group")
	}
}

// TestArmRoles: an action needs a role on the resource or above it. The refusal is ARM's,
// and in the decision log; lists have what the caller may read.
func TestArmRoles(t *testing.T) {
	f := start(t, nil)
	agent := f.armAs(f.entraToken("https://" + f.host + "/.default")) // AcrPush and Reader on the registry
	agent.want(200, "GET", armRegistry, "")
	agent.want(200, "GET", armSub, "")
	agent.want(200, "GET", armSub+"/providers/Microsoft.ContainerRegistry/registries", "").has(t, `"name":"myregistry"`)
	refused := agent.want(403, "PATCH", armRegistry, `{}`)
	refused.has(t, `"code":"AuthorizationFailed"`, "The client '"+clientID+"' with object id '",
		"does not have authorization to perform action 'Microsoft.ContainerRegistry/registries/write' over scope '"+
			armRegistry+"' or the scope is invalid. If access was recently granted, please refresh your credentials.")
	for method, path := range map[string]string{"PUT": armSub + "/resourceGroups/other", "DELETE": armRegistry,
		"GET": armGroup, "HEAD": armGroup} {
		if a := agent.do(method, path, `{"location":"westeurope"}`); a.status != 403 {
			t.Errorf("%s %s: %d", method, path, a.status)
		}
	}
	agent.want(403, "POST", armRegistry+"/listCredentials", "")
	agent.want(403, "GET", armGroup+"/providers/Microsoft.ContainerRegistry/registries/other", "") // not 404
	agent.want(200, "GET", armSub+"/resourceGroups", "").has(t, `{"value":[]}`)
	agent.want(403, "DELETE", armRegistry, "")
	if d := f.last(); d.RuleID != rule.ARMRole || d.Principal != clientID ||
		!strings.Contains(d.Reason, "Microsoft.ContainerRegistry/registries/delete on "+armRegistry) {
		t.Errorf("the decision is %+v", d)
	}

	// Contributor on the group manages registries there, and no roles elsewhere.
	s := parse(t, seed.Example())
	s.Subscriptions[0].ResourceGroups = append(s.Subscriptions[0].ResourceGroups, seed.ResourceGroup{Name: "own",
		RoleAssignments: []seed.RoleAssignment{{ClientID: clientID, Role: "Contributor"}}})
	s.Registries[0].RoleAssignments = nil
	f = start(t, &emulator.Options{Seed: s})
	agent = f.armAs(f.entraToken("https://" + f.host + "/.default"))
	const own = armSub + "/resourceGroups/own/providers/Microsoft.ContainerRegistry/registries/ownreg01"
	agent.want(200, "PUT", own, `{"location":"westeurope","sku":{"name":"Basic"}}`)
	agent.want(403, "PUT", strings.Replace(own, "own/", "rg/", 1), `{"location":"westeurope","sku":{"name":"Basic"}}`)
	list := agent.want(200, "GET", armSub+"/resources", "")
	if strings.Contains(list.body, "myregistry") || !strings.Contains(list.body, "ownreg01") {
		t.Errorf("resources: %s", list.body)
	}
	if a := agent.want(200, "GET", armSub+"/resourceGroups", ""); strings.Contains(a.body, `"rg"`) {
		t.Errorf("groups: %s", a.body)
	}
	// And on the data plane, because the role is inherited.
	a := f.get("https://ownreg01.azurecr.localhost/oauth2/token?service=ownreg01.azurecr.localhost&"+
		"scope=registry:catalog:*", basic(clientID, secret))
	if access, _ := claims(t, a.field(t, "access_token"))["access"].([]any); len(access) != 1 {
		t.Errorf("the inherited role gives %v", access)
	}
}

// TestArmFilters: the filters that az and Terraform send, and one that they do not.
func TestArmFilters(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	for filter, want := range map[string]bool{
		"resourceType eq 'Microsoft.ContainerRegistry/registries'":                          true,
		"resourceType eq 'Microsoft.ContainerRegistry/registries' and name eq 'MyRegistry'": true,
		"(resourceType eq 'microsoft.containerregistry/registries') and name eq 'other'":    false,
		"resourceGroup eq 'RG'": true,
		"location eq 'eastus'":  false,
		"tagName eq 'a'":        false,
		"name eq 'it''s'":       false,
	} {
		a := f.get(armSub+"/resources"+armVersion+"&$filter="+strings.ReplaceAll(filter, " ", "%20"), c.token)
		if a.status != 200 || strings.Contains(a.body, "myregistry") != want {
			t.Errorf("%s: %d %s", filter, a.status, a.body)
		}
	}
	if a := f.get(armSub+"/resources"+armVersion+"&$filter=substringof('a',name)", c.token); a.status != 400 {
		t.Errorf("another filter: %d %s", a.status, a.body)
	}
}

// TestArmDurable: what was answered is there after a restart with the same seed, also when
// no registry is left.
func TestArmDurable(t *testing.T) {
	dir := t.TempDir()
	opts := &emulator.Options{DataDir: dir, Seed: parse(t, seed.Example())}
	f := start(t, opts)
	c := f.arm()
	c.want(201, "PUT", armSub+"/resourceGroups/kept", `{"location":"westeurope"}`)
	c.want(200, "DELETE", armRegistry, "")
	f.stop()

	f = start(t, &emulator.Options{DataDir: dir, Seed: parse(t, seed.Example())})
	c = f.arm()
	c.want(200, "GET", armSub+"/resourceGroups/kept", "")
	c.want(404, "GET", armRegistry, "")
	c.want(200, "PUT", armRegistry, `{"location":"westeurope","sku":{"name":"Standard"}}`)
	if names := f.Registries(); !slices.Equal(names, []string{"myregistry"}) {
		t.Errorf("registries: %v", names)
	}
}

// TestArmTogether: sixteen writers at once lose nothing: each has a registry of its own, and
// all change the tags of one group.
func TestArmTogether(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			path := fmt.Sprintf("%s/providers/Microsoft.ContainerRegistry/registries/writer%02d", armGroup, i)
			if a := c.do("PUT", path, `{"location":"westeurope","sku":{"name":"Basic"}}`); a.status != 200 {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
			if a := c.do("PUT", fmt.Sprintf("%s/resourceGroups/group%02d", armSub, i),
				`{"location":"westeurope"}`); a.status != 201 {
				t.Errorf("group %d: %d %s", i, a.status, a.body)
			}
		})
	}
	wait.Wait()
	groups := c.want(200, "GET", armSub+"/resourceGroups", "").body
	for i := range 16 {
		if _, err := f.Emulator.Registry(fmt.Sprintf("writer%02d", i)); err != nil {
			t.Error(err)
		}
		if !strings.Contains(groups, fmt.Sprintf(`"group%02d"`, i)) {
			t.Errorf("group%02d is lost", i)
		}
	}
}

// TestArmLimits: a body of the largest size is read, a larger one is refused; malformed
// JSON is refused.
func TestArmLimits(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	body := func(size int) string {
		const begin, end = `{"properties":{"other":"`, `"}}`
		return begin + strings.Repeat("x", size-len(begin)-len(end)) + end
	}
	c.want(200, "PATCH", armRegistry, body(4<<20))
	c.want(413, "PATCH", armRegistry, body(4<<20+1))
	c.want(400, "PATCH", armRegistry, `{"properties":`).has(t, "InvalidRequestContent")
	c.want(400, "PATCH", armRegistry, `[]`)
}

// TestArmOperations: a change is reported in each style that ARM documents, as under way as
// long as the options say, and is in effect at once.
func TestArmOperations(t *testing.T) {
	const reg = armGroup + "/providers/Microsoft.ContainerRegistry/registries/slowreg1"
	const body = `{"location":"westeurope","sku":{"name":"Basic"}}`
	for _, style := range emulator.OperationStyles() {
		t.Run(string(style), func(t *testing.T) {
			f := start(t, &emulator.Options{Operations: emulator.Operations{Style: style, Take: time.Minute}})
			c := f.arm()
			a := c.do("PUT", reg, body)
			if _, err := f.Emulator.Registry("slowreg1"); err != nil {
				t.Fatalf("%d %s: %v", a.status, a.body, err)
			}
			if style == emulator.OperationsAtOnce {
				a.has(t, `"provisioningState":"Succeeded"`)
				if a.status != 200 || a.header.Get("Retry-After") != "" {
					t.Errorf("%d %v", a.status, a.header)
				}
				return
			}
			a.has(t, `"provisioningState":"Creating"`)
			at, under := reg+armVersion, `"provisioningState":"Creating"`
			if style != emulator.OperationsInBody {
				at, under = a.header.Get("Azure-Asyncoperation"), `{"status":"Creating"}`
			}
			// A PUT has no 202, and so no Location.
			if a.status != 201 || a.header.Get("Retry-After") != "1" || a.header.Get("Location") != "" {
				t.Errorf("%d %v", a.status, a.header)
			}
			if strings.HasPrefix(at, "/") {
				at = "https://" + f.host + at
			}
			if !strings.HasPrefix(at, "https://"+f.host+"/subscriptions/") {
				t.Fatalf("the address is %q", at)
			}
			asked := f.get(at, c.token)
			asked.has(t, under)
			if style != emulator.OperationsInBody && asked.header.Get("Retry-After") != "1" {
				t.Errorf("under way: %v", asked.header)
			}
			f.clock.Add(time.Minute)
			ended := f.get(at, c.token)
			ended.has(t, `"Succeeded"`)
			if ended.status != 200 || ended.header.Get("Retry-After") != "" {
				t.Errorf("ended: %d %v", ended.status, ended.header)
			}
			c.want(200, "GET", reg, "").has(t, `"provisioningState":"Succeeded"`)

			patched := c.do("PATCH", reg, `{"tags":{"a":"b"}}`)
			if patched.status != 201 || patched.header.Get("Location") != "" {
				t.Errorf("changed: %d %v", patched.status, patched.header)
			}
			f.clock.Add(time.Minute)

			gone := c.do("DELETE", reg, "")
			at = gone.header.Get("Location")
			if style == emulator.OperationsAsync {
				at = gone.header.Get("Azure-Asyncoperation")
			}
			if first := f.get(at, c.token); gone.status != 202 || first.header.Get("Retry-After") != "1" {
				t.Errorf("deleted: %d, then %d %s", gone.status, first.status, first.body)
			}
			f.clock.Add(time.Minute)
			if last := f.get(at, c.token); last.status != 200 {
				t.Errorf("deleted: %d %s", last.status, last.body)
			}
			// Ids are made here alone.
			other := strings.Replace(at, "registry-", "registry-0", 1)
			if a := f.get(other, c.token); a.status != 404 {
				t.Errorf("an id that was not made: %d %s", a.status, a.body)
			}
		})
	}
	for _, o := range []emulator.Operations{{Style: "slow"}, {Take: -1}, {Take: emulator.MaxOperation + 1}} {
		if e, err := emulator.Open(t.Context(), &emulator.Options{Operations: o}); err == nil {
			t.Errorf("%+v is allowed", o)
			must(t, e.Close())
		}
	}
}
