package route

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/fault"
)

// TestOf has each service once, in each spelling that clients use.
func TestOf(t *testing.T) {
	below := func(segments ...string) Route {
		return Route{Service: ARM, Operation: Resource, Segments: segments}
	}
	for target, want := range map[string]struct {
		Route
		class fault.Route
	}{
		"/v2/": {Route{Service: Registry, Operation: Base}, fault.RouteBase},
		"/V2/": {},
		"/v2/a/manifests/b%2Fmanifests%2Fv1": {Route{Service: Registry, Operation: Manifest, Repo: "a/manifests/b",
			Ref: "v1"}, fault.RouteManifestGet},
		"/acr/v1/_catalog": {Route{Service: ACR, Operation: ACRCatalog}, fault.RouteCatalog},
		"/oauth2/token":    {Route{Service: Tokens, Operation: AccessToken}, fault.RouteToken},
		"/oauth2/exchange": {Route{Service: Tokens, Operation: Exchange}, fault.RouteExchange},
		"/OAuth2/token":    {},
		"/oauth2/token/":   {},
		"/t/oauth2/v2.0/token": {Route{Service: Entra, Operation: EntraToken, Tenant: "t"},
			fault.RouteEntra},
		"/t/oauth2/v2.0/token/": {Route{Service: Entra, Operation: EntraToken, Tenant: "t"},
			fault.RouteEntra},
		"//t/oauth2/v2.0/token": {Route{Service: Entra, Operation: EntraToken, Tenant: "t"},
			fault.RouteEntra},
		"/adfs/oauth2/token": {Route{Service: Entra, Operation: EntraTokenV1, Tenant: "adfs"},
			fault.RouteEntra},
		"/t/v2.0/.well-known/openid-configuration": {Route{Service: Entra, Operation: OpenIDConfig, Tenant: "t"},
			fault.RouteEntra},
		"/t/.well-known/openid-configuration": {Route{Service: Entra, Operation: OpenIDConfig, Tenant: "t"},
			fault.RouteEntra},
		"/t/discovery/v2.0/keys": {Route{Service: Entra, Operation: EntraKeys, Tenant: "t"},
			fault.RouteEntra},
		"/common/discovery/instance": {Route{Service: Entra, Operation: InstanceDiscovery, Tenant: "common"},
			fault.RouteEntra},
		"/t/oauth2/v2.0/authorize":             {},
		"/metadata/endpoints":                  {Route{Service: Metadata, Operation: Endpoints}, fault.RouteARM},
		"//Metadata/Endpoints/":                {Route{Service: Metadata, Operation: Endpoints}, fault.RouteARM},
		"/metadata/other":                      {},
		"/tenants":                             {below("tenants"), fault.RouteARM},
		"/tenantsx":                            {},
		"/subscriptions":                       {below("subscriptions"), fault.RouteARM},
		"/Subscriptions/":                      {below("Subscriptions"), fault.RouteARM},
		"//subscriptions/S/resourceGroups/Rg/": {below("subscriptions", "S", "resourceGroups", "Rg"), fault.RouteARM},
		"/SUBSCRIPTIONS/S":                     {below("SUBSCRIPTIONS", "S"), fault.RouteARM},
		"/subscriptionsx":                      {},
		"/providers/Microsoft.Authorization":   {below("providers", "Microsoft.Authorization"), fault.RouteARM},
		"/providersx":                          {},
		"/_acrkit/v1/clock":                    {Route{Service: Control}, ""},
		"//_acrkit/v1/clock":                   {},
		"//v2/":                                {},
	} {
		got := Of(Clean(httptest.NewRequest("GET", "http://host"+target, nil)))
		want.method = "GET"
		if diff := cmp.Diff(want.Route, got, cmp.AllowUnexported(Route{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
		if c := got.Class(); c != want.class {
			t.Errorf("%s has the class %q, want %q", target, c, want.class)
		}
	}
}

// TestClass: the class of a registry's operation depends on the method too, and every
// class is a route that a fault can name.
func TestClass(t *testing.T) {
	seen := map[fault.Route]bool{fault.RouteStorage: Route{Service: Storage}.Class() == fault.RouteStorage}
	for _, c := range []struct {
		method, path string
		want         fault.Route
	}{
		{"GET", "/v2/", fault.RouteBase},
		{"GET", "/v2/_catalog", fault.RouteCatalog},
		{"GET", "/v2/a/tags/list", fault.RouteTags},
		{"GET", "/acr/v1/a/_tags", fault.RouteTags},
		{"HEAD", "/v2/a/manifests/v1", fault.RouteManifestGet},
		{"PUT", "/v2/a/manifests/v1", fault.RouteManifestPut},
		{"DELETE", "/v2/a/manifests/" + d, fault.RouteManifestDelete},
		{"GET", "/v2/a/blobs/" + d, fault.RouteBlobGet},
		{"PUT", "/v2/a/blobs/" + d, fault.RouteBlobUpload},
		{"DELETE", "/v2/a/blobs/" + d, fault.RouteBlobDelete},
		{"POST", "/v2/a/blobs/uploads/", fault.RouteBlobUpload},
		{"PATCH", "/v2/a/blobs/uploads/x", fault.RouteBlobUpload},
		{"GET", "/v2/a/referrers/" + d, fault.RouteReferrers},
		{"PATCH", "/acr/v1/a/_tags/v1", fault.RouteACR},
		{"GET", "/acr/v1/a", fault.RouteACR},
		{"GET", "/acr/v1/a/_manifests", fault.RouteACR},
		{"POST", "/oauth2/token", fault.RouteToken},
		{"POST", "/oauth2/exchange", fault.RouteExchange},
		{"POST", "/t/oauth2/token", fault.RouteEntra},
		{"GET", "/tenants", fault.RouteARM},
		{"GET", "/v2/a", ""},
		{"GET", "/", ""},
	} {
		got := Of(httptest.NewRequest(c.method, "http://host"+c.path, nil)).Class()
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
		seen[got] = true
	}
	for _, r := range fault.Routes() {
		if !seen[r] {
			t.Errorf("no request has the class %s", r)
		}
	}
}

// TestMountFrom: only a mount has a source, and only one that could be a repository.
func TestMountFrom(t *testing.T) {
	for target, want := range map[string]string{
		"/v2/a/blobs/uploads/?mount=" + d + "&from=b/c": "b/c",
		"/v2/a/blobs/uploads/?from=b":                   "",
		"/v2/a/blobs/uploads/?mount=" + d + "&from=B":   "",
		"/v2/a/blobs/uploads/x?mount=" + d + "&from=b":  "",
	} {
		if got := Of(httptest.NewRequest("POST", "http://host"+target, nil)); got.MountFrom != want {
			t.Errorf("%s: %q, want %q", target, got.MountFrom, want)
		}
	}
}
