package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

const acrScope = "https://containerregistry.azure.net/.default"

func TestEntraGrant(t *testing.T) {
	f := start(t, nil)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID},
		"client_secret": {secret}, "scope": {acrScope}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	noClient := url.Values{"grant_type": {"client_credentials"}, "scope": {acrScope}}
	withBasic := header.Clone()
	withBasic["Authorization"] = basic(url.QueryEscape(clientID), url.QueryEscape(secret))["Authorization"]
	for name, a := range map[string]answer{
		"form":  f.do("POST", "/"+tenantID+"/oauth2/v2.0/token", header, form.Encode()),
		"basic": f.do("POST", "/"+tenantID+"/oauth2/v2.0/token", withBasic, noClient.Encode()),
		"adfs":  f.do("POST", "/adfs/oauth2/v2.0/token", header, form.Encode()),
	} {
		if a.status != 200 || a.header.Get("Cache-Control") != "no-store, no-cache" {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
		var got map[string]any
		must(t, json.Unmarshal([]byte(a.body), &got))
		c := claims(t, a.field(t, "access_token"))
		delete(got, "access_token")
		if diff := cmp.Diff(map[string]any{"token_type": "Bearer", "expires_in": 3599.0, "ext_expires_in": 3599.0},
			got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if c["aud"] != "https://containerregistry.azure.net" || c["tid"] != tenantID || c["appid"] != clientID ||
			c["iss"] != "https://sts.windows.net/"+tenantID+"/" || c["oid"] != c["sub"] ||
			c["idtyp"] != "app" || c["appidacr"] != "1" {
			t.Errorf("%s: claims %v", name, c)
		}
	}
	a := f.post("/"+tenantID+"/oauth2/token", "grant_type", "client_credentials", "client_id", clientID,
		"client_secret", secret, "resource", "https://management.azure.com/")
	if c := claims(t, a.field(t, "access_token")); c["aud"] != "https://management.azure.com/" ||
		a.field(t, "expires_in") != "3599" {
		t.Errorf("version 1: %s", a.body)
	}
}

func TestEntraErrors(t *testing.T) {
	s := strings.Replace(seed.Example(), "[{value: app-secret, expires: 2040-01-01T00:00:00Z}]",
		"[{value: app-secret}, {value: old-secret, expires: 2026-01-01T00:00:00Z}]", 1)
	s = strings.Replace(s, "\nsubscriptions:", "  - id: 11111111-0000-0000-0000-000000000000\n\nsubscriptions:", 1)
	f := start(t, &emulator.Options{Seed: parse(t, s)})
	f.clock.Add(24 * time.Hour)
	good := func(change ...string) []string {
		m := map[string]string{"grant_type": "client_credentials", "client_id": clientID,
			"client_secret": secret, "scope": acrScope}
		for i := 0; i < len(change); i += 2 {
			m[change[i]] = change[i+1]
		}
		var out []string
		for k, v := range m {
			if v != "" {
				out = append(out, k, v)
			}
		}
		return out
	}
	for name, x := range map[string]struct {
		tenant string
		form   []string
		status int
		word   string
		number float64
	}{
		"no_grant":       {tenantID, good("grant_type", ""), 400, "invalid_request", 900144},
		"no_client":      {tenantID, good("client_id", ""), 400, "invalid_request", 900144},
		"no_scope":       {tenantID, good("scope", ""), 400, "invalid_request", 900144},
		"other_grant":    {tenantID, good("grant_type", "password"), 400, "unsupported_grant_type", 70003},
		"unknown_tenant": {"99999999-9999-9999-9999-999999999999", good(), 400, "invalid_request", 90002},
		"tenant_word":    {"contoso.example", good(), 400, "invalid_request", 90002},
		"other_tenant":   {"11111111-0000-0000-0000-000000000000", good(), 400, "unauthorized_client", 700016},
		"unknown_app": {tenantID, good("client_id", "99999999-9999-9999-9999-999999999999"), 400,
			"unauthorized_client", 700016},
		"wrong_secret":   {tenantID, good("client_secret", "typed-wrong"), 401, "invalid_client", 7000215},
		"expired_secret": {tenantID, good("client_secret", "old-secret"), 401, "invalid_client", 7000222},
		"no_secret":      {tenantID, good("client_secret", ""), 401, "invalid_client", 7000216},
		"assertion": {tenantID, good("client_secret", "", "client_assertion", "x.y.z"), 401,
			"invalid_client", 50027},
		"unknown_resource": {tenantID, good("scope", "https://vault.azure.net/.default"), 400,
			"invalid_resource", 500011},
		"two_scopes": {tenantID, good("scope", acrScope+" https://management.azure.com/.default"), 400,
			"invalid_scope", 70011},
		"not_default": {tenantID, good("scope", "https://containerregistry.azure.net/user"), 400,
			"invalid_scope", 1002012},
		"look_alike": {tenantID, good("scope", "https://localhost.evil.example/.default"), 400,
			"invalid_resource", 500011},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			a := f.post("/"+x.tenant+"/oauth2/v2.0/token", x.form...)
			var got struct {
				Error       string    `json:"error"`
				Description string    `json:"error_description"`
				Codes       []float64 `json:"error_codes"`
				Timestamp   string    `json:"timestamp"`
				Trace       string    `json:"trace_id"`
				Correlation string    `json:"correlation_id"`
			}
			must(t, json.Unmarshal([]byte(a.body), &got))
			if a.status != x.status || got.Error != x.word || len(got.Codes) != 1 || got.Codes[0] != x.number ||
				got.Trace == "" || got.Correlation == "" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if !strings.HasPrefix(got.Description, "AADSTS") || got.Timestamp != "2026-03-02 12:00:00Z" {
				t.Errorf("%s, %s", got.Description, got.Timestamp)
			}
			if strings.Contains(a.body, "typed-wrong") || strings.Contains(a.body, secret) {
				t.Errorf("a secret in %s", a.body)
			}
		})
	}
	f.t = t
	big := f.post("/"+tenantID+"/oauth2/v2.0/token", "grant_type", strings.Repeat("x", 65<<10))
	if big.status != 413 {
		t.Errorf("a large request: %d", big.status)
	}
	if a := f.get("/"+tenantID+"/oauth2/v2.0/token", nil); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", a.status)
	}
}

func TestEntraMetadata(t *testing.T) {
	f := start(t, nil)
	base := "https://" + f.host
	for tenant, issuer := range map[string]string{tenantID: base + "/" + tenantID + "/v2.0", "adfs": base + "/adfs",
		"common": base + "/{tenantid}/v2.0"} {
		for _, path := range []string{"/v2.0/.well-known/openid-configuration", "/.well-known/openid-configuration"} {
			a := f.get("/"+tenant+path, nil)
			if got := a.field(t, "issuer"); got != issuer {
				t.Errorf("%s: issuer %s", tenant, got)
			}
			if got := a.field(t, "token_endpoint"); got != base+"/"+tenant+"/oauth2/v2.0/token" {
				t.Errorf("%s: token_endpoint %s", tenant, got)
			}
			var keys struct{ Keys []map[string]string }
			k := f.get(strings.TrimPrefix(a.field(t, "jwks_uri"), base), nil)
			must(t, json.Unmarshal([]byte(k.body), &keys))
			if len(keys.Keys) != 1 || keys.Keys[0]["kty"] != "RSA" || keys.Keys[0]["e"] != "AQAB" {
				t.Errorf("keys %s", k.body)
			}
		}
	}
	if a := f.get("/99999999-9999-9999-9999-999999999999/v2.0/.well-known/openid-configuration",
		nil); a.status != 400 || !strings.Contains(a.body, "AADSTS90002") {
		t.Errorf("unknown tenant: %d %s", a.status, a.body)
	}
	a := f.get("/common/discovery/instance?api-version=1.1&authorization_endpoint="+
		url.QueryEscape(base+"/"+tenantID+"/oauth2/v2.0/authorize"), nil)
	if got := a.field(t, "tenant_discovery_endpoint"); got != base+"/"+tenantID+
		"/v2.0/.well-known/openid-configuration" {
		t.Errorf("instance discovery: %s", a.body)
	}
}

func TestArm(t *testing.T) {
	f := start(t, nil)
	const sub = "/subscriptions/33333333-3333-3333-3333-333333333333"
	const reg = sub + "/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myregistry"
	token := bearer(f.platformToken("https://"+f.host+"/.default").field(t, "access_token"))
	for path, want := range map[string]string{
		"/subscriptions?api-version=2019-11-01": `"subscriptionId":"33333333-3333-3333-3333-333333333333"`,
		"/tenants?api-version=2019-11-01":       `"tenantId":"` + tenantID + `"`,
		sub +
			"?api-version=2019-11-01": `"state":"Enabled"`,
		sub +
			"/resourceGroups?api-version=2021-04-01": `"location":"westeurope"`,
		sub +
			"/resourcegroups/RG?api-version=2021-04-01": `"name":"rg"`,
		strings.ToUpper(reg) +
			"?api-version=2023-07-01": `"name":"myregistry"`,
		reg +
			"?api-version=2023-07-01": `"loginServer":"` + f.host + `"`,
		reg +
			"/scopeMaps?api-version=2023-07-01": `"type":"SystemDefined"`,
		reg +
			"/scopeMaps/ci-pull?api-version=2023-07-01": `"actions":["repositories/samples/app/content/read","repositories/samples/app/metadata/read"]`,
		reg +
			"/tokens?api-version=2023-07-01": `"scopeMapId":"` + reg + `/scopeMaps/ci-pull"`,
		reg +
			"/tokens/ci-pull?api-version=2023-07-01": `"expiry":"2040-01-01T00:00:00+00:00"`,
		sub +
			"/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries?api-version=2023-07-01": `"name":"myregistry"`,
		sub +
			"/providers/Microsoft.ContainerRegistry/registries?api-version=2023-07-01": `"adminUserEnabled":false`,
		sub + "/resources?$filter=" + url.QueryEscape("resourceType eq 'Microsoft.ContainerRegistry/registries'") +
			"&api-version=2021-04-01": `"id":"` + reg + `"`,
		sub + "/resources?$filter=" + url.QueryEscape("resourceType eq 'Microsoft.KeyVault/vaults'") +
			"&api-version=2021-04-01": `{"value":[]}`,
		sub + "/resources?$filter=" +
			url.QueryEscape("resourceType eq 'Microsoft.ContainerRegistry/registries' and name eq 'x'") +
			"&api-version=2021": `{"value":[]}`,
	} {
		a := f.get(path, token)
		if a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if strings.Contains(a.body, pullPw) || strings.Contains(a.body, `"value":"`) {
			t.Errorf("%s shows a password", path)
		}
	}
	for path, status := range map[string]int{
		"/subscriptions/x?api-version=1": 404, sub + "/resourceGroups/other?api-version=1": 404, reg +
			"x?api-version=1": 404,
		reg + "/tokens/x?api-version=1": 404, reg + "/scopeMaps/x?api-version=1": 404, reg +
			"/imaginary?api-version=1": 404, reg: 400,
	} {
		if a := f.get(path, token); a.status != status || a.field0(t) == "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for name, h := range map[string]http.Header{"none": nil,
		"acr_audience": bearer(f.entraToken(acrScope).field(t, "access_token")), "garbage": bearer("x")} {
		if a := f.get("/subscriptions?api-version=1", h); a.status != 401 ||
			!strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := f.do("PUT", reg+"/tokens?api-version=1", token, "{}"); a.status != 405 {
		t.Errorf("PUT: %d", a.status)
	}
	for version, want := range map[string]string{"2015-01-01": `{"galleryEndpoint":`, "2018-01-01": `{"galleryEndpoint":`,
		"2019-05-01": `[{`, "2020-06-01": `[{`, "2022-09-01": `{"portal":"https://` + f.host + `"`} {
		if a := f.get("//metadata/endpoints?api-version="+version, nil); a.status != 200 ||
			!strings.HasPrefix(a.body, want) {
			t.Errorf("endpoints %s: %d %s", version, a.status, a.body)
		}
	}
}

// field0 returns the code of an ARM error.
func (a answer) field0(t testing.TB) string {
	t.Helper()
	var v struct{ Error struct{ Code string } }
	must(t, json.Unmarshal([]byte(a.body), &v))
	return v.Error.Code
}
