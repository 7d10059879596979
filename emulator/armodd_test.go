package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

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
					if w.Code >= http.StatusInternalServerError || w.Code == http.StatusUnauthorized {
						t.Errorf("%s %s %s: %d %s", method, path, body, w.Code, w.Body)
					}
				}
			}
		}
	}
}
