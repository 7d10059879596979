package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// checkRefusal wants the error form of Azure Resource Manager and Graph, which names no
// type of Go. The answer to HEAD has no body.
func checkRefusal(t *testing.T, request, method string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code < http.StatusBadRequest || method == "HEAD" {
		return
	}
	var e struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Error.Code == "" || e.Error.Message == "" ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") ||
		strings.Contains(e.Error.Message, "Go ") || strings.Contains(e.Error.Message, "json:") {
		t.Errorf("%s: %d %s %s", request, w.Code, w.Header().Get("Content-Type"), w.Body)
	}
}

// TestArmRefusals: each endpoint refuses a request without a token, one with a bad token,
// one of a client without a role and one without an api-version with an error in the body.
func TestArmRefusals(t *testing.T) {
	f := start(t, nil)
	own := f.arm().token
	must(t, f.PutApplication(t.Context(), tenantID, seed.Application{ClientID: "66666666-6666-6666-6666-666666666666",
		Secrets: []seed.ClientSecret{{Value: "no-role-secret"}}}))
	none := bearer(f.post("/"+tenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id",
		"66666666-6666-6666-6666-666666666666", "client_secret", "no-role-secret", "scope",
		"https://management.azure.com/.default").field(t, "access_token"))
	names := strings.NewReplacer("{subscription}", "33333333-3333-3333-3333-333333333333", "{group}", "rg",
		"{registry}", "myregistry", "{name}", "ci-pull", "{role}", "x", "{replication}", "x", "{operation}", "x",
		"{namespace}", "Microsoft.ContainerRegistry", "{location}", "westeurope", "{kind}", "tokens")
	refused := 0
	for _, e := range emulator.ARMEndpoints() {
		method, path, _ := strings.Cut(names.Replace(e), " ")
		for what, header := range map[string]http.Header{"no token": {}, "a bad token": bearer("x"), "no role": none,
			"no version": own} {
			target := "https://" + f.host + path + armVersion
			if what == "no version" {
				target = "https://" + f.host + path
			}
			r := httptest.NewRequest(method, target, strings.NewReader("{}"))
			r.RemoteAddr, r.Header = "127.0.0.1:1", header.Clone()
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			checkRefusal(t, what+": "+method+" "+path, method, w)
			if w.Code >= http.StatusBadRequest {
				refused++
			} else if what != "no role" { // a list has what the client may read
				t.Errorf("%s: %s %s: %d", what, method, path, w.Code)
			}
		}
	}
	// What needs no registry answers without one.
	f.arm().want(200, "DELETE", armRegistry, "")
	for _, path := range []string{"/v1.0/me", "/subscriptions/x", "/metadata/endpoints"} {
		r := httptest.NewRequest("POST", "https://"+f.host+path+armVersion, strings.NewReader("{}"))
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		checkRefusal(t, path, "POST", w)
	}
	if refused < 150 {
		t.Errorf("%d refusals", refused)
	}
}

// TestArmOddRequests: no path and no body ends a connection or is an error of the
// emulator's own. Each request comes from the owner, so that its body is read.
func TestArmOddRequests(t *testing.T) {
	f := start(t, nil)
	header := f.arm().token
	graph := bearer(f.platformToken("https://"+f.host+"/.default").field(t, "access_token"))
	paths := []string{"", "/", "/tokens", "/tokens/", "/tokens/ci", "/scopeMaps/x", "/scopeMaps/%2e%2e",
		"/generateCredentials",
		"/listCredentials", "/regenerateCredential", "/listUsages", "/replications", "/replications/westeurope",
		"/webhooks/x",
		"/providers/Microsoft.Authorization/roleAssignments", "/providers/Microsoft.Authorization/roleAssignments/x",
		"/providers/Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555",
		"/providers/Microsoft.Authorization/roleDefinitions", "/providers/Microsoft.Authorization/roleDefinitions/x"}
	for i, p := range paths {
		paths[i] = armRegistry + p
	}
	group := strings.Split(armRegistry, "/providers/")[0]
	subscription := strings.Split(group, "/resourceGroups/")[0]
	for _, p := range []string{"", "/", "/resourceGroups", "/resources", "/providers",
		"/providers/Microsoft.ContainerRegistry",
		"/providers/Microsoft.ContainerRegistry/register",
		"/providers/Microsoft.ContainerRegistry/checkNameAvailability",
		"/providers/Microsoft.ContainerRegistry/locations/westeurope/operationResults/x", "/locations",
		"/providers/Microsoft.ContainerRegistry/registries", "/resourceGroups/odd", "/" + strings.Repeat("x", 3000)} {
		paths = append(paths, subscription+p)
	}
	paths = append(paths, group+"/resources", group+"/providers/Microsoft.ContainerRegistry/registries/odd",
		"/subscriptions", "/subscriptions/", "/tenants", "/providers/", "/v1.0/", "/beta/me",
		"/v1.0/directoryObjects/getByIds",
		"/v1.0/servicePrincipals", "/v1.0/servicePrincipals(appId='')", "/metadata/endpoints", "//metadata/endpoints")
	bodies := []string{"", "{", "null", "[]", `"x"`, "{}", `{"properties":null}`, `{"properties":[]}`,
		`{"sku":null,"location":null}`,
		`{"properties":{"credentials":null,"scopeMapId":null,"actions":null,"policies":null,"networkRuleSet":null}}`,
		`{"properties":{"credentials":{"passwords":[null,{}]},"actions":[null,""],"scopeMapId":"/"}}`,
		`{"properties":{"roleDefinitionId":"","principalId":"","condition":"","conditionVersion":null}}`,
		`{"tokenId":"","name":"password9","expiry":"yesterday"}`, `{"ids":[null],"types":null}`,
		`{"name":null,"type":null}`}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, path := range paths {
			if method == "DELETE" && (path == armRegistry || path == group) {
				continue // what the other requests are about
			}
			for _, query := range []string{armVersion, armVersion + "&$filter=%27&$top=-1&$skiptoken=x"} {
				for _, body := range bodies {
					r := httptest.NewRequest(method, "https://"+f.host+path+query, strings.NewReader(body))
					r.RemoteAddr = "127.0.0.1:1"
					r.Header = header.Clone()
					if strings.HasPrefix(path, "/v1.0") || strings.HasPrefix(path, "/beta") {
						r.Header = graph.Clone()
					}
					w := httptest.NewRecorder()
					f.ServeHTTP(w, r)
					checkRefusal(t, method+" "+path+query+" "+body, method, w)
					if w.Code >= http.StatusInternalServerError || w.Code == http.StatusUnauthorized {
						t.Errorf("%s %s %s: %d %s", method, path, body, w.Code, w.Body)
					}
				}
			}
		}
	}
}
