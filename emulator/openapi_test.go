package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
)

// document is openapi.yaml as plain JSON values.
func document(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	must(t, yaml.Unmarshal([]byte(control.OpenAPI()), &v))
	b, err := json.Marshal(v)
	must(t, err)
	must(t, json.Unmarshal(b, &v))
	return v
}

func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// TestOpenAPIAndRoutesAgree: every operation is described, and every described
// one is there.
func TestOpenAPIAndRoutesAgree(t *testing.T) {
	var described, served []string
	for path, item := range at(document(t), "paths").(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	for _, r := range emulator.ControlAPI() {
		served = append(served, r[0]+" "+r[1])
	}
	slices.Sort(described)
	slices.Sort(served)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("-served +described: %s", diff)
	}
}

// TestOpenAPIRules: the description has every rule, in the order of the table.
func TestOpenAPIRules(t *testing.T) {
	var want, got []string
	for _, r := range rule.All() {
		want = append(want, string(r.ID))
	}
	for _, v := range at(document(t), "components", "schemas", "RuleID", "enum").([]any) {
		got = append(got, v.(string))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-table +openapi.yaml: %s", diff)
	}
}

// TestOpenAPIFaults: the description has every kind of fault and every route, and each
// kind its rule.
func TestOpenAPIFaults(t *testing.T) {
	schemas := at(document(t), "components", "schemas")
	if diff := cmp.Diff(fmt.Sprint(fault.Kinds()), fmt.Sprint(at(schemas, "FaultKind", "enum"))); diff != "" {
		t.Errorf("-kinds +openapi.yaml: %s", diff)
	}
	if diff := cmp.Diff(fmt.Sprint(fault.Routes()), fmt.Sprint(at(schemas, "Route", "enum"))); diff != "" {
		t.Errorf("-routes +openapi.yaml: %s", diff)
	}
	var kinds, rules []string
	for _, k := range fault.Kinds() {
		if kinds = append(kinds, "fault-"+string(k)); k.Text() == "" {
			t.Errorf("%s has no text", k)
		}
	}
	for _, r := range rule.All() {
		if r.By == rule.Faults {
			rules = append(rules, string(r.ID))
		}
	}
	if diff := cmp.Diff(kinds, rules); diff != "" {
		t.Errorf("-kinds +rules: %s", diff)
	}
}

// openapiURL is absolute, because a relative one is taken from the working directory,
// whose name may hold what a URL must not.
const openapiURL = "https://acrkit.invalid/openapi.json"

// TestControlAPI calls every operation, and validates what is sent and answered
// against openapi.yaml.
func TestControlAPI(t *testing.T) {
	doc := document(t)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	must(t, compiler.AddResource(openapiURL, doc))
	validate := func(what string, schema any, text string) {
		t.Helper()
		ref, _ := at(schema, "$ref").(string)
		s, err := compiler.Compile(openapiURL + ref)
		must(t, err)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		must(t, err)
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", what, err, text)
		}
	}
	f := start(t, nil)
	key := http.Header{"Acrkit-Control-Key": {string(f.ControlKey())}, "Content-Type": {"application/json"}}
	called := map[string]bool{}
	call := func(method, template, path, body string, want int) string {
		t.Helper()
		op := at(doc, "paths", template, strings.ToLower(method))
		called[method+" "+template] = true
		if schema := at(op, "requestBody", "content", "application/json", "schema"); schema != nil && want < 300 {
			validate(method+" "+path+" body", schema, body)
		}
		a := f.do(method, "/_acrkit/v1"+path, key, body)
		if a.status != want {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		if want >= 300 {
			validate(method+" "+path, map[string]any{"$ref": "#/components/schemas/Error"}, a.body)
			return a.body
		}
		responses := at(op, "responses").(map[string]any)
		response, ok := responses[map[int]string{200: "200", 201: "201", 204: "204"}[want]]
		if !ok {
			t.Errorf("%s %s: the status %d is not described", method, template, want)
		}
		if schema := at(response, "content", "application/json", "schema"); schema != nil {
			validate(method+" "+path, schema, a.body)
		}
		return a.body
	}
	r, tok := "/registries/{registry}", "/registries/{registry}/tokens/{name}"
	const my = "/registries/myregistry"
	call("GET", "/openapi.yaml", "/openapi.yaml", "", 200)
	f.password("ci-pull", "typed-wrong-0001", "repository:samples/app:pull")
	f.access("ci-pull", pullPw, "repository:samples/app:pull")
	call("GET", "/decisions",
		"/decisions?outcome=denied&repository=samples/app&since=2020-01-01T00:00:00Z&limit=1&after=0&wait=1ms", "", 200)
	for _, bad := range []string{"outcome=x", "limit=0", "limit=1001", "after=-1", "since=yesterday", "wait=1h",
		"unknown=1", "after=1&after=2"} {
		call("GET", "/decisions", "/decisions?"+bad, "", 400)
	}
	call("GET", "/clock", "/clock", "", 200)
	call("PUT", "/clock", "/clock", `{"now":"2030-01-01T00:00:00Z","frozen":true}`, 200)
	call("POST", "/clock/advance", "/clock/advance", `{"by":"90m"}`, 200)
	call("POST", "/clock/advance", "/clock/advance", `{}`, 400)
	call("DELETE", "/clock", "/clock", "", 200)
	call("GET", "/lifetimes", "/lifetimes", "", 200)
	call("PUT", "/lifetimes", "/lifetimes", `{"access":"5m"}`, 200)
	call("PUT", "/lifetimes", "/lifetimes", `{"access":"5"}`, 400)
	call("PUT", "/rate-limits", "/rate-limits", `{"enabled":true}`, 200)
	call("GET", "/rate-limits", "/rate-limits", "", 200)
	call("POST", "/faults", "/faults",
		`{"kind":"throttle","routes":["tags"],"rate":0.5,"seed":1,"retryAfter":2,"principal":"x","registry":"myregistry","count":1}`, 201)
	for _, bad := range []string{`{"kind":"x"}`, `{"kind":"hang","what":1}`, `{"Kind":"hang"}`,
		`{"kind":"hang","kind":"hang"}`, `{"kind":"hang"} {}`, `{"kind":"hang","id":4}`, ``, `[]`} {
		call("POST", "/faults", "/faults", bad, 400)
	}
	call("POST", "/faults", "/faults", `{"kind":"hang","principal":"`+strings.Repeat("x", 600<<10)+`"}`, 413)
	call("GET", "/faults", "/faults", "", 200)
	call("DELETE", "/faults/{id}", "/faults/1", "", 204)
	call("DELETE", "/faults/{id}", "/faults/1", "", 404)
	call("DELETE", "/faults", "/faults", "", 204)
	call("POST", "/snapshots", "/snapshots", `{"name":"one"}`, 201)
	call("POST", "/snapshots", "/snapshots", `{"name":"one"}`, 400)
	call("GET", "/snapshots", "/snapshots", "", 200)
	call("POST", "/check", "/check", `{}`, 200)
	call("POST", "/check", "/check", `{"from":"contents/"}`, 200)
	call("GET", "/seed", "/seed", "", 200)
	for _, bad := range []string{`{"from":"x"}`, `{"from":"manifests/x"}`, `{"from":"blobs/x/y"}`, `{"after":""}`} {
		call("POST", "/check", "/check", bad, 400)
	}
	call("GET", "/registries", "/registries", "", 200)
	call("GET", r, my, "", 200)
	call("GET", r, "/registries/none5", "", 404)
	call("PATCH", r, my,
		`{"adminUserEnabled":true,"roleAssignmentMode":"AbacRepositoryPermissions","azureADAuthenticationAsArmPolicy":"disabled","network":{"defaultAction":"Deny","ipRules":["127.0.0.1","192.0.2.0/24"]}}`, 200)
	for _, bad := range []string{`{"roleAssignmentMode":"x"}`, `{"network":{"defaultAction":"x"}}`,
		`{"network":{"defaultAction":"Deny","ipRules":["x"]}}`,
		`{"network":{"defaultAction":"Allow","ipRules":["127.0.0.1"]}}`,
		`{"network":{"defaultAction":"Deny","DefaultAction":"Allow"}}`} {
		call("PATCH", r, my, bad, 400)
	}
	call("GET", r+"/scope-maps", my+"/scope-maps", "", 200)
	call("PUT", r+"/scope-maps/{name}", my+"/scope-maps/new-map",
		`{"actions":["repositories/samples/app/content/read"]}`, 200)
	call("PUT", r+"/scope-maps/{name}", my+"/scope-maps/new-map", `{"actions":["content/read"]}`, 400)
	call("PUT", tok, my+"/tokens/new-token", `{"scopeMap":"new-map","status":"disabled"}`, 200)
	call("PATCH", tok, my+"/tokens/new-token", `{"status":"enabled"}`, 200)
	call("PATCH", tok, my+"/tokens/new-token", `{"scopeMap":"none5"}`, 404)
	made := call("POST", tok+"/passwords", my+"/tokens/new-token/passwords",
		`{"names":["password2"],"expires":"2040-01-01T00:00:00Z"}`, 201)
	var passwords struct {
		Passwords []struct{ Name, Value string }
	}
	must(t, json.Unmarshal([]byte(made), &passwords))
	if len(passwords.Passwords) != 1 ||
		f.password("new-token", passwords.Passwords[0].Value, "repository:samples/app:pull").status != 200 {
		t.Error("the new password is not good")
	}
	call("PATCH", tok+"/passwords/{slot}", my+"/tokens/new-token/passwords/password2", `{}`, 200)
	call("PATCH", tok+"/passwords/{slot}", my+"/tokens/new-token/passwords/password1", `{}`, 404)
	for _, text := range []string{call("GET", tok, my+"/tokens/new-token", "", 200),
		call("GET", r+"/tokens", my+"/tokens", "", 200)} {
		if strings.Contains(text, passwords.Passwords[0].Value) || strings.Contains(text, `"value"`) {
			t.Error("a password is shown again")
		}
	}
	call("DELETE", tok, my+"/tokens/new-token", "", 204)
	call("DELETE", r+"/scope-maps/{name}", my+"/scope-maps/new-map", "", 204)
	call("POST", "/reset", "/reset", `{"snapshot":"one"}`, 204)
	call("POST", "/reset", "/reset", `{"snapshot":"none5"}`, 404)
	call("DELETE", "/snapshots/{name}", "/snapshots/one", "", 204)
	for _, op := range emulator.ControlAPI() {
		if !called[op[0]+" "+op[1]] {
			t.Errorf("%s %s was not called", op[0], op[1])
		}
	}
	if a := f.do("POST", "/_acrkit/v1/reset", http.Header{"Acrkit-Control-Key": {string(f.ControlKey())}},
		"{}"); a.status != 400 {
		t.Errorf("without a Content-Type: %d", a.status)
	}
	if n := f.UnderWay(); n != 0 {
		t.Errorf("%d requests are under way", n)
	}
}
