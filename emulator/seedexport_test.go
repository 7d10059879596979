package emulator_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/guid"
)

// exported returns what the emulator holds, as the control API writes it.
func (f *fixture) exported() string {
	f.t.Helper()
	a := f.get(control.Prefix+"seed", http.Header{control.Header: {string(f.ControlKey())}})
	if a.status != 200 {
		f.t.Fatalf("%d %s", a.status, a.body)
	}
	return a.field(f.t, "seed")
}

// changer makes random changes over Azure Resource Manager.
type changer struct {
	*rand.Rand
	c    armClient
	made int // changes that were accepted
	role []string
}

func pick[T any](x *changer, from ...T) T { return from[x.IntN(len(from))] }

func (x *changer) do(method, path string, body any) {
	x.c.f.t.Helper()
	b, err := json.Marshal(body)
	must(x.c.f.t, err)
	switch a := x.c.do(method, path, string(b)); {
	case a.status >= 500:
		x.c.f.t.Fatalf("%s %s %s: %d %s", method, path, b, a.status, a.body)
	case a.status < 300:
		x.made++
	}
}

func properties(m map[string]any) map[string]any { return map[string]any{"properties": m} }

// change makes one change, or is refused.
func (x *changer) change() {
	group := armSub + "/resourceGroups/" + pick(x, "rg", "rg", "other", "Third.Group")
	reg := group + "/providers/Microsoft.ContainerRegistry/registries/" + pick(x, "myregistry", "myregistry",
		"second01", "third001")
	scopeMap := "/scopeMaps/" + pick(x, "ci-pull", "map-one", "map_two")
	token := "/tokens/" + pick(x, "ci-pull", "token-one", "token-two", "token-three")
	tags := map[string]string{"a": "b", "": "refused", "yes": "no", "null": "~", "x: y": "# z"}
	delete(tags, pick(x, "", "", "a"))
	switch x.IntN(16) {
	case 0:
		x.do("PUT", group, map[string]any{"location": pick(x, "westeurope", "eastus"), "tags": tags})
	case 1:
		if x.IntN(4) == 0 {
			x.do("DELETE", pick(x, reg, armSub+"/resourceGroups/other"), nil)
		}
	case 2, 3:
		x.do(pick(x, "PUT", "PATCH"), reg, map[string]any{"location": "westeurope", "tags": tags,
			"sku": map[string]any{"name": pick(x, "Basic", "Standard", "Premium")},
			"properties": map[string]any{"adminUserEnabled": pick(x, true, false),
				"anonymousPullEnabled": pick(x, true, false),
				"roleAssignmentMode":   pick(x, service.ModeABAC, service.ModeLegacy),
				"zoneRedundancy":       pick(x, "Disabled", "Enabled"),
				"metadataSearch":       pick(x, "Disabled", "enabled"),
				"policies": map[string]any{
					"azureADAuthenticationAsArmPolicy": map[string]any{"status": pick(x, "enabled", "disabled")},
					"softDeletePolicy": map[string]any{"retentionDays": x.IntN(100),
						"status": "enabled"}}}})
	case 4:
		if x.IntN(3) == 0 {
			x.do("PATCH", reg, properties(map[string]any{"publicNetworkAccess": pick(x, "Enabled", "Disabled"),
				"networkRuleSet": map[string]any{"defaultAction": pick(x, "Allow", "Deny"),
					"ipRules": []map[string]string{{"value": pick(x, "127.0.0.1", "10.1.2.3/8", "::1")}}}}))
		}
	case 5, 6, 7:
		var lines []string
		for range 1 + x.IntN(4) {
			lines = append(lines, "repositories/"+pick(x, "samples/app", "samples/*", "*", "other", "a/b")+"/"+
				pick(x, "content/read", "content/write", "content/delete", "metadata/read", "metadata/write"))
		}
		x.do(pick(x, "PUT", "PATCH"), reg+scopeMap, properties(map[string]any{"actions": lines,
			"description": pick(x, "", "true", "it's: a \"map\"", "1e3")}))
	case 8, 9:
		x.do("PUT", reg+token, properties(map[string]any{"status": pick(x, "enabled", "enabled", "disabled"),
			"scopeMapId": reg + pick(x, scopeMap, "/scopeMaps/_repositories_push")}))
	case 10:
		x.do("DELETE", pick(x, reg+scopeMap, reg+token), nil)
	case 11, 12, 13:
		role, ok := service.RoleByName(pick(x, append(service.RoleNames(), "custom", "custom", "custom")...))
		if !ok {
			role.ID = pick(x, aRole, anotherRole)
		}
		p := map[string]any{"roleDefinitionId": armSub + definition + "/" + role.ID, "principalId": x.c.f.objectID(),
			"description": pick(x, "", "for\na test", "on")}
		if role.TakesCondition() {
			p["conditionVersion"] = "2.0"
			p["condition"] = "@Request[Microsoft.ContainerRegistry/registries/repositories:name] " +
				pick(x, "StringEquals 'samples/app'", "StringLike 'a*'", "StringStartsWith\n\t'samples/'")
		}
		name := guid.New()
		x.role = append(x.role, pick(x, reg, reg, group, armSub)+assignment+"/"+name)
		x.do("PUT", x.role[len(x.role)-1], properties(p))
	case 15:
		x.do("PUT", armSub+definition+"/"+pick(x, aRole, anotherRole), properties(map[string]any{
			"roleName": pick(x, "Role one", "role two"), "description": pick(x, "", "a\nb"),
			"assignableScopes": []string{pick(x, armSub, armSub, armGroup)},
			"permissions": []map[string][]string{{"actions": {pick(x, "*/read", "*", ofRegistry+"pull/read")},
				"notActions":  {pick(x, "*/delete", "Microsoft.Authorization/*")},
				"dataActions": {pick(x, "*", ofRegistry+"repositories/content/*")}}}}))
	case 14:
		if len(x.role) > 0 {
			x.do("DELETE", pick(x, x.role...), nil)
		}
	}
}

// TestExport: what is changed over Azure Resource Manager is in the export: an emulator
// that starts from it shows the same, and each token and application has the same rights on
// each repository.
func TestExport(t *testing.T) {
	total := 0
	for number := range uint64(6) {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			f := start(t, nil)
			x := &changer{Rand: rand.New(rand.NewPCG(number, 17)), c: f.arm()}
			for range 120 {
				x.change()
			}
			total += x.made
			// A token without its scope map; what refuses all, which chance seldom brings.
			x.do("PUT", armRegistry+"/scopeMaps/short-lived", properties(map[string]any{
				"actions": []string{"repositories/*/content/read"}}))
			x.do("PUT", armRegistry+"/tokens/dangling", properties(map[string]any{
				"scopeMapId": armRegistry + "/scopeMaps/short-lived"}))
			x.do("DELETE", armRegistry+"/scopeMaps/short-lived", nil)
			if number%3 == 0 {
				x.do("PUT", armGroup+"/providers/Microsoft.ContainerRegistry/registries/closed01", map[string]any{
					"location": "westeurope", "sku": map[string]string{"name": "Premium"},
					"properties": map[string]string{"publicNetworkAccess": "Disabled"}})
			}
			text := f.exported()
			for _, value := range []string{pullPw, secret, "platform-secret"} {
				if strings.Contains(text, value) {
					t.Errorf("the export has a secret:\n%s", text)
				}
			}
			g := start(t, &emulator.Options{Seed: parse(t, text)})
			if again := g.exported(); withoutComments(again) != withoutComments(text) {
				t.Errorf("the export of the export differs:\n%s", cmp.Diff(text, again))
			}
			for _, e := range []*fixture{f, g} {
				must(t, e.PutApplication(t.Context(), tenantID, seed.Application{ClientID: platformID,
					DisplayName: "platform", Secrets: []seed.ClientSecret{{Value: "platform-secret"}}}))
				must(t, e.PutApplication(t.Context(), tenantID, seed.Application{ClientID: clientID,
					DisplayName: "build-agent", Secrets: []seed.ClientSecret{{Value: secret}}}))
			}
			sameOverARM(t, f, g)
			sameRights(t, f, g)
		})
	}
	if total < 100 {
		t.Errorf("%d changes were accepted", total)
	}
}

func withoutComments(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// plainForm leaves out what two emulators have each its own of: times, names of role
// assignments, passwords, ports.
func plainForm(v any, host string) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"creationDate", "createdAt", "lastModifiedAt", "createdOn", "updatedOn",
			"createdBy",
			"updatedBy", "lastUpdatedTime", "passwords", "timestamp"} {
			delete(v, name)
		}
		if v["type"] == "Microsoft.Authorization/roleAssignments" {
			delete(v, "id")
			delete(v, "name")
		}
		for k := range v {
			v[k] = plainForm(v[k], host)
		}
	case []any:
		for i := range v {
			v[i] = plainForm(v[i], host)
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	case string:
		return strings.ReplaceAll(v, host, "HOST")
	}
	return v
}

// sameOverARM compares what two emulators show over Azure Resource Manager.
func sameOverARM(t *testing.T, f, g *fixture) {
	t.Helper()
	paths := []string{"/subscriptions", armSub + "/resourceGroups", armSub + assignment, armSub +
		"/providers/Microsoft.ContainerRegistry/registries", armSub + definition + armVersion +
		"&$filter=atScopeAndBelow()"}
	var all struct{ Value []struct{ ID string } }
	must(t, json.Unmarshal([]byte(f.arm().want(200, "GET", paths[3], "").body), &all))
	for _, r := range all.Value {
		paths = append(paths, r.ID, r.ID+"/scopeMaps", r.ID+"/tokens")
	}
	for _, path := range paths {
		forms := [2]any{}
		for i, e := range []*fixture{f, g} {
			a := e.arm().want(200, "GET", path, "")
			must(t, json.Unmarshal([]byte(a.body), &forms[i]))
			_, port, _ := strings.Cut(e.host, ":")
			forms[i] = plainForm(forms[i], port)
		}
		if strings.HasSuffix(path, "/tokens") {
			leaveDangling(f, forms[0])
		}
		if diff := cmp.Diff(forms[0], forms[1]); diff != "" {
			t.Errorf("%s (-was +from the export):\n%s", path, diff)
		}
	}
}

// leaveDangling removes the tokens of a list whose scope map is gone.
func leaveDangling(f *fixture, form any) {
	m := form.(map[string]any)
	m["value"] = slices.DeleteFunc(m["value"].([]any), func(x any) bool {
		id, _ := at(x, "properties", "scopeMapId").(string)
		return f.arm().do("GET", id, "").status != 200
	})
}

// sameRights compares what tokens and applications are granted. A password is set in both
// emulators, because an export has none.
func sameRights(t *testing.T, f, g *fixture) {
	t.Helper()
	granted := func(e *fixture, host string, form ...string) string {
		a := e.post("https://"+host+"/oauth2/token", append(form, "service", host)...)
		if a.status != 200 {
			return fmt.Sprint(a.status)
		}
		access, err := json.Marshal(claims(t, a.field(t, "access_token"))["access"])
		must(t, err)
		return string(access)
	}
	compared, with := 0, 0
	for _, name := range f.Registries() {
		host := name + ".azurecr.localhost"
		reg, err := f.Emulator.Registry(name)
		must(t, err)
		for _, repository := range []string{"samples/app", "samples/other", "a/b", "other", "x"} {
			scope := "repository:" + repository + ":pull,push,delete,metadata_read,metadata_write registry:catalog:*"
			for _, token := range reg.Tokens() {
				forms := [2]string{}
				for i, e := range []*fixture{f, g} {
					r, err := e.Emulator.Registry(name)
					must(t, err)
					err = r.SetPassword(t.Context(), token.Name, seed.Password{Name: "password1", Value: pullPw})
					if acrkit.CodeOf(err) != acrkit.CodeNotFound {
						must(t, err)
					}
					forms[i] = granted(e, host, "grant_type", "password", "username", token.Name, "password", pullPw,
						"scope", scope)
				}
				_, err := reg.ScopeMap(token.ScopeMap)
				dangling := err != nil
				if forms[0] != forms[1] && (!dangling || strings.Contains(forms[0]+forms[1], "pull")) {
					t.Errorf("%s on %s/%s: %s, from the export %s", token.Name, name, repository, forms[0], forms[1])
				}
				compared++
				if strings.Contains(forms[0], "actions") {
					with++
				}
			}
			forms := [2]string{}
			for i, e := range []*fixture{f, g} {
				entra := e.entraToken("https://containerregistry.azure.net/.default").field(t, "access_token")
				a := e.post("https://"+host+"/oauth2/exchange", "grant_type", "access_token", "service", host,
					"access_token", entra)
				forms[i] = fmt.Sprint(a.status)
				if a.status == 200 {
					forms[i] = granted(e, host, "grant_type", "refresh_token", "refresh_token",
						a.field(t, "refresh_token"), "scope", scope)
				}
			}
			if compared++; forms[0] != forms[1] {
				t.Errorf("the application on %s/%s: %s, from the export %s", name, repository, forms[0], forms[1])
			}
		}
	}
	if compared == 0 && len(f.Registries()) > 0 {
		t.Error("nothing was compared")
	}
	t.Logf("%d decisions are the same, %d of tokens with rights", compared, with)
}

// TestExport_images: an image that a seed generates is itself in the export; in the place
// of another one stands a generated image with its tags and platforms.
func TestExport_images(t *testing.T) {
	f := start(t, nil)
	reg := f.registry()
	push := func(repository string, i seed.Image) {
		t.Helper()
		_, err := reg.Push(t.Context(), repository, i)
		must(t, err)
	}
	push("untagged", seed.Image{Platforms: []string{"linux/arm/v7"}})
	push("untagged", seed.Image{Platforms: []string{"linux/amd64", "linux/arm64"}})
	push("moved", seed.Image{Tags: []string{"one", "two"}})
	push("moved", seed.Image{Tags: []string{"two"}, Platforms: []string{"windows/amd64"}})
	push("renamed", seed.Image{Tags: []string{"zz", "aa"}})
	push("renamed", seed.Image{Tags: []string{"zz"}, Platforms: []string{"linux/s390x"}}) // aa was generated as zz
	s, leftOut, err := f.Export(t.Context())
	must(t, err)
	got := map[string][]seed.Image{}
	for _, r := range s.Registries[0].Repositories {
		got[r.Name] = r.Images
	}
	amd := []string{"linux/amd64"}
	want := map[string][]seed.Image{
		"samples/app":   {{Tags: []string{"v1", "latest"}, Platforms: []string{"linux/amd64", "linux/arm64"}}},
		"samples/other": {{Tags: []string{"v1"}, Platforms: amd}},
		"untagged":      {{Platforms: []string{"linux/amd64", "linux/arm64"}}, {Platforms: []string{"linux/arm/v7"}}},
		"moved": {{Tags: []string{"one"}, Platforms: amd},
			{Tags: []string{"two"}, Platforms: []string{"windows/amd64"}}},
		"renamed": {{Tags: []string{"aa"}, Platforms: amd},
			{Tags: []string{"zz"}, Platforms: []string{"linux/s390x"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(leftOut) != 1 || !strings.Contains(leftOut[0], "1 manifests of myregistry were pushed") {
		t.Errorf("left out: %q", leftOut)
	}
	g := start(t, &emulator.Options{Seed: parse(t, f.exported())})
	for _, path := range []string{"samples/app/manifests/v1", "samples/app/manifests/latest", "moved/manifests/two",
		"samples/other/manifests/v1"} {
		digests := [2]string{}
		for i, e := range []*fixture{f, g} {
			repository, _, _ := strings.Cut(path, "/manifests/")
			must(t, e.registry().SetPassword(t.Context(), "ci-push", seed.Password{Name: "password1", Value: pullPw}))
			must(t, e.registry().SetAnonymousPull(t.Context(), true))
			token := e.get("/oauth2/token?service="+e.host+"&scope="+
				url.QueryEscape("repository:"+repository+":pull"), nil)
			digests[i] = e.get("/v2/"+path, bearer(token.field(t, "access_token"))).header.Get("Docker-Content-Digest")
		}
		if digests[0] == "" || digests[0] != digests[1] {
			t.Errorf("%s: %q", path, digests)
		}
	}
}

// TestExport_limit: names with as many bytes as the limit are exported, one byte more is an
// error.
func TestExport_limit(t *testing.T) {
	f := start(t, &emulator.Options{Seed: &seed.Seed{Registries: []seed.Registry{{Name: "myregistry",
		Repositories: []seed.Repository{{Name: "a/b", Images: []seed.Image{{Tags: []string{"v1", "latest"}}}}}}}}})
	const names = len("a/b" + "v1" + "latest")
	if _, err := emulator.ExportOf(t.Context(), f.Emulator, names); err != nil {
		t.Error(err)
	}
	_, err := emulator.ExportOf(t.Context(), f.Emulator, names-1)
	if acrkit.CodeOf(err) != acrkit.CodeTooLarge || !strings.Contains(err.Error(), "cannot export the seed") {
		t.Errorf("one byte more: %v", err)
	}
}

// TestExport_empty: an emulator whose registries and groups are all deleted can be exported,
// and one that starts from it serves Azure Resource Manager.
func TestExport_empty(t *testing.T) {
	f := start(t, nil)
	f.arm().want(202, "DELETE", armGroup, "")
	text := f.exported()
	if !strings.Contains(text, "registries: []") || !strings.Contains(text, "resourceGroups: []") {
		t.Errorf("%s", text)
	}
	s := parse(t, text)
	s.Tenants[0].Applications[1].Secrets = []seed.ClientSecret{{Value: "platform-secret"}}
	g := start(t, &emulator.Options{Seed: s})
	c := g.arm()
	c.want(201, "PUT", armGroup, `{"location":"westeurope"}`)
	c.want(200, "PUT", armRegistry, `{"location":"westeurope","sku":{"name":"Basic"}}`)
	if a := g.get("/v2/", nil); a.status != 401 {
		t.Errorf("the first registry: %d", a.status)
	}
}

// TestExport_compare: the state that an export was made of is as the export says; each
// setting that a seed says otherwise is a difference.
func TestExport_compare(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	f.arm().want(200, "PATCH", armRegistry, `{"tags":{"a":"b"},"properties":{"zoneRedundancy":"Enabled",
		"networkRuleSet":{"defaultAction":"Deny","ipRules":[{"value":"10.0.0.0/8"}]}}}`)
	text := f.exported()
	f.stop()
	open := func(text string) error {
		e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Seed: parse(t, text)})
		if err == nil {
			err = e.Close()
		}
		return err
	}
	// Its applications have secrets that the export has not.
	err := open(text)
	if err == nil || strings.Count(err.Error(), ";") != 1 || !strings.Contains(err.Error(), "has other secrets") {
		t.Errorf("the state of the export: %v", err)
	}
	for change, want := range map[string]string{
		"ipRules: [10.0.0.0/8]|ipRules: [10.0.0.1]":                                  "the network rules are others",
		"    networkRuleSet:|    publicNetworkAccess: Disabled\n    networkRuleSet:": "the network rules are others",
		"a: b|a: c": "the tags are others",
		"zoneRedundancy: Enabled|zoneRedundancy: Disabled":     "zoneRedundancy is Enabled, not Disabled",
		"zoneRedundancy: Enabled|softDeletePolicyDays: \"30\"": "softDeletePolicyDays is 7, not 30",
	} {
		before, after, _ := strings.Cut(change, "|")
		if !strings.Contains(text, before) {
			t.Fatalf("%s is not in\n%s", before, text)
		}
		if err := open(strings.Replace(text, before, after, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", change, err)
		}
	}
	// Merged, the seed's word counts; what it does not say stays.
	s := parse(t, strings.Replace(text, "a: b", "a: c", 1))
	s.Registries[0].NetworkRuleSet, s.Registries[0].OtherSettings = seed.NetworkRuleSet{}, nil
	g := start(t, &emulator.Options{DataDir: dir, Seed: s, SeedMode: emulator.SeedMerge})
	merged := g.exported()
	for _, part := range []string{"a: c", "- 10.0.0.0/8", "zoneRedundancy: Enabled"} {
		if !strings.Contains(strings.ReplaceAll(merged, "[10.0.0.0/8]", "- 10.0.0.0/8"), part) {
			t.Errorf("%s is not in what was merged:\n%s", part, merged)
		}
	}
}
