package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
)

const (
	secondApp   = "22222222-2222-2222-2222-222222222223"
	foreignApp  = "22222222-2222-2222-2222-222222222224"
	otherTenant = "11111111-1111-1111-1111-111111111112"

	// The limits of package graph.
	maxIDs  = 1000
	maxBody = 131072
)

const graphSeed = `
tenants:
- {id: ` + tenantID + `, applications: [
    {clientId: ` + clientID + `, displayName: Build agent, secrets: [{value: ` + secret + `}]},
    {clientId: ` + secondApp + `, displayName: it's another, objectId: 44444444-4444-4444-4444-44444444444A}]}
- {id: ` + otherTenant + `, applications: [{clientId: ` + foreignApp + `, displayName: Build elsewhere}]}
subscriptions: [{id: 33333333-3333-3333-3333-333333333333, resourceGroups: [{name: rg}]}]
registries: [{name: myregistry}]
`

// graphObject is what az and azurerm read of a service principal.
type graphObject struct {
	Type  string   `json:"@odata.type"`
	ID    string   `json:"id"`
	AppID string   `json:"appId"`
	Name  string   `json:"displayName"`
	Names []string `json:"servicePrincipalNames"`
}

// TestGraph asks what az role assignment and azurerm ask.
func TestGraph(t *testing.T) {
	f := start(t, &emulator.Options{Seed: parse(t, graphSeed)})
	token := bearer(f.entraToken("https://"+f.host+"/.default").field(t, "access_token"))
	for _, path := range []string{"/v1.0/", "/beta/", "/v1.0/other"} {
		if a := f.get(path, token); a.status != 400 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	list := func(path string) (out []graphObject) {
		t.Helper()
		var doc struct{ Value []graphObject }
		a := f.get(path, token)
		if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.status != 200 || doc.Value == nil {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		return doc.Value
	}
	filtered := func(filter string) string {
		t.Helper()
		var ids []string
		for _, o := range list("/v1.0/servicePrincipals?$filter=" + url.QueryEscape(filter)) {
			ids = append(ids, o.AppID)
		}
		return strings.Join(ids, " ")
	}
	for filter, want := range map[string]string{
		"servicePrincipalNames/any(c:c eq '" + clientID + "')":         clientID,
		"servicePrincipalNames/any(x: x eq '" + secondApp + "')":       secondApp,
		"appId eq '" + strings.ToUpper(clientID) + "'":                 clientID,
		"appId eq '" + foreignApp + "'":                                "", // of another tenant
		"appId eq '22222222-2222-2222-2222-22222222222f'":              "",
		"displayName eq 'it''s another'":                               secondApp,
		"startswith(displayName,'build')":                              clientID,
		"startswith(displayName,'it') and appId eq '" + clientID + "'": "",
		"": clientID + " " + secondApp,
	} {
		if got := filtered(filter); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	one := list("//beta/serviceprincipals?$filter=" + url.QueryEscape("appId eq '"+clientID+"'"))[0]
	if want := (graphObject{ID: one.ID, AppID: clientID, Name: "Build agent", Names: []string{clientID}}); one.ID ==
		"" ||
		!cmp.Equal(one, want) {
		t.Errorf("a service principal is %+v", one)
	}
	// The object id of the seed is that of tokens, Graph and role assignments.
	const object2 = "44444444-4444-4444-4444-44444444444a"
	if a := f.get("/v1.0/directoryObjects/"+object2, token); a.field(t, "appId") != secondApp {
		t.Errorf("the object id of the seed: %s", a.body)
	}
	for id, want := range map[string]string{secondApp: "has another one", foreignApp: "",
		"22222222-2222-2222-2222-222222222225": "is that of the application " + secondApp} {
		app := seed.Application{ClientID: id, ObjectID: strings.ToUpper(object2)}
		switch id {
		case secondApp:
			app.ObjectID = "44444444-4444-4444-4444-44444444444b"
		case foreignApp:
			app.ObjectID = ""
		}
		if err := f.PutApplication(t.Context(), otherTenant, app); (err == nil) != (want == "") ||
			err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("PutApplication of %s: %v", id, err)
		}
	}
	for _, path := range []string{"/v1.0/servicePrincipals/" + one.ID, "/v1.0/directoryObjects/" + one.ID,
		"/v1.0/servicePrincipals(appId='" + clientID + "')"} {
		if a := f.get(path, token); a.field(t, "appId") != clientID {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := f.get("/v1.0/servicePrincipals/"+one.ID+"?$select=id", token); a.field(t, "id") != one.ID ||
		strings.Contains(a.body, "displayName") {
		t.Errorf("$select: %s", a.body)
	}
	ids := func(n int, types string) answer {
		t.Helper()
		all := []string{`"` + strings.ToUpper(one.ID) + `"`}
		for i := range n - 1 {
			all = append(all, fmt.Sprintf(`"99999999-0000-0000-0000-%012d"`, i))
		}
		return f.do("POST", "/v1.0/directoryObjects/getByIds", token, `{"ids":[`+strings.Join(all, ",")+`]`+types+`}`)
	}
	var found struct{ Value []graphObject }
	a := ids(maxIDs, `,"types":["user","group","servicePrincipal","directoryObjectPartnerReference"]`)
	if must(t, json.Unmarshal([]byte(a.body), &found)); a.status != 200 || len(found.Value) != 1 ||
		found.Value[0].Type != "#microsoft.graph.servicePrincipal" || found.Value[0].ID != one.ID {
		t.Errorf("getByIds: %d %s", a.status, a.body)
	}
	if a := ids(1, `,"types":["user"]`); !strings.Contains(a.body, `"value":[]`) {
		t.Errorf("getByIds of users: %s", a.body)
	}
	for _, path := range []string{"users", "groups"} {
		if all := list("/v1.0/" + path + "?$filter=" + url.QueryEscape("userPrincipalName eq 'a@b'")); len(all) != 0 {
			t.Errorf("%s: %+v", path, all)
		}
	}

	// What is refused, in Graph's form.
	filter := "/v1.0/servicePrincipals?$filter="
	object := func(n int) string { return `{"ids":["` + strings.Repeat("x", n-len(`{"ids":[""]}`)) + `"]}` }
	for _, x := range []struct {
		what   string
		a      answer
		status int
		code   string
	}{
		{"another tenant's", f.get("/v1.0/servicePrincipals(appId='"+foreignApp+"')", token), 404,
			"Request_ResourceNotFound"},
		{"an unknown id", f.get("/v1.0/servicePrincipals/"+clientID, token), 404, "Request_ResourceNotFound"},
		{"a user", f.get("/v1.0/users/a@b", token), 404, "Request_ResourceNotFound"},
		{"me", f.get("/v1.0/me", token), 400, "BadRequest"},
		{"an unknown segment", f.get("/v1.0/teams/x/y", token), 400, "BadRequest"},
		{"an unknown filter", f.get(filter+url.QueryEscape("accountEnabled eq true"), token), 400,
			"Request_UnsupportedQuery"},
		{"or", f.get(filter+url.QueryEscape("appId eq 'a' or appId eq 'b'"), token), 400, "Request_UnsupportedQuery"},
		{"an unclosed filter", f.get(filter+url.QueryEscape("startswith(displayName,'a'"), token), 400,
			"Request_UnsupportedQuery"},
		{"two variables", f.get(filter+url.QueryEscape("servicePrincipalNames/any(c:d eq 'a')"), token), 400,
			"Request_UnsupportedQuery"},
		{"no ids", f.do("POST", "/v1.0/directoryObjects/getByIds", token, `{"ids":[]}`), 400, "Request_BadRequest"},
		{"too many ids", ids(maxIDs+1, ""), 400, "Request_BadRequest"},
		{"no JSON", f.do("POST", "/v1.0/directoryObjects/getByIds", token, `{`), 400, "BadRequest"},
		{"too large", f.do("POST", "/v1.0/directoryObjects/getByIds", token, object(maxBody+1)), 413, "BadRequest"},
		{"a write", f.do("POST", "/v1.0/servicePrincipals", token, `{"appId":"x"}`), 403,
			"Authorization_RequestDenied"},
		{"a delete", f.do("DELETE", "/v1.0/servicePrincipals/"+one.ID, token, ""), 403, "Authorization_RequestDenied"},
		{"no token", f.get("/v1.0/servicePrincipals", nil), 401, "InvalidAuthenticationToken"},
		{"garbage", f.get("/v1.0/servicePrincipals", bearer("x")), 401, "InvalidAuthenticationToken"},
	} {
		var doc struct {
			Error struct {
				Code, Message string
				InnerError    map[string]string
			}
		}
		if err := json.Unmarshal([]byte(x.a.body), &doc); err != nil || x.a.status != x.status ||
			doc.Error.Code != x.code || doc.Error.Message == "" || doc.Error.InnerError["request-id"] == "" {
			t.Errorf("%s: %d %s", x.what, x.a.status, x.a.body)
		}
	}
	if a := f.do("POST", "/v1.0/directoryObjects/getByIds", token, object(maxBody)); a.status != 200 {
		t.Errorf("the largest body: %d %s", a.status, a.body)
	}
}

// TestGraph_audience: only a token for Graph, or for the emulator, is good.
func TestGraph_audience(t *testing.T) {
	f := start(t, &emulator.Options{Seed: parse(t, graphSeed)})
	for scope, status := range map[string]int{
		"https://graph.microsoft.com/.default": 200, "https://graph.microsoft.com//.default": 200,
		"https://graph.windows.net/.default": 200, "https://graph.microsoft.us/.default": 200,
		"https://microsoftgraph.chinacloudapi.cn/.default": 200, "https://" + f.host + "/.default": 200,
		acrScope: 401, "https://management.azure.com/.default": 401,
		"https://management.core.windows.net//.default": 401,
	} {
		a := f.get("/v1.0/servicePrincipals", bearer(f.entraToken(scope).field(t, "access_token")))
		if a.status != status {
			t.Errorf("%s: %d %s", scope, a.status, a.body)
		}
		if d := f.last(); status == 401 && (d.RuleID != rule.GraphToken || d.Principal != clientID ||
			!strings.Contains(a.body, "Invalid audience")) {
			t.Errorf("%s: %+v", scope, d)
		}
	}
	// Nor does a registry or Azure Resource Manager take one for Graph.
	token := f.entraToken("https://graph.microsoft.com/.default").field(t, "access_token")
	if a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token",
		token); a.status !=
		http.StatusUnauthorized || f.last().RuleID != rule.EntraTokenAudience {
		t.Errorf("the exchange: %d, by %s", a.status, f.last().RuleID)
	}
	if a := f.get("/subscriptions?api-version=2022-12-01", bearer(token)); a.status != http.StatusUnauthorized {
		t.Errorf("Azure Resource Manager: %d", a.status)
	}
	f.clock.Add(2 * 3600e9)
	if a := f.get("/v1.0/me", bearer(token)); !strings.Contains(a.body, "the token is expired") {
		t.Errorf("an expired token: %s", a.body)
	}
}
