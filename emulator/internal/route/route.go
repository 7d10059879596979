// Package route says what a request asks for: of which service, which operation, and
// which rights it needs. All parts of the emulator use this one answer: faults, rate
// limits, network rules, authorization and the services themselves.
//
// Paths are read as net/url decodes them: an escaped slash is a slash. The registry's
// and the authority's paths are compared exactly, those of Azure Resource Manager
// without case, and with or without a slash at their end.
package route

import (
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
)

// Service is the part of the emulator that serves a request.
type Service uint8

// The services. The zero value serves nothing.
const (
	Nothing  Service = iota
	Registry         // the data plane: /v2
	ACR              // the registry's own API: /acr/v1
	Tokens           // the registry's token service
	Entra            // the Entra authority
	ARM              // Azure Resource Manager
	Graph            // Microsoft Graph
	Metadata         // the metadata endpoints of Azure Resource Manager
	Storage          // the host that blobs are redirected to; its name decides
	Control          // the emulator's own API
	Public           // what needs no credential and holds no secret, of the emulator's own
)

// Operation is what a service is asked to do. The zero value is none: the service
// answers that the path or method does not exist.
type Operation uint8

// The operations.
const (
	None Operation = iota

	Base              // /v2/
	Catalog           // /v2/_catalog
	TagNames          // /v2/REPOSITORY/tags/list
	Manifest          // /v2/REPOSITORY/manifests/REFERENCE
	Blob              // /v2/REPOSITORY/blobs/DIGEST
	UploadStart       // /v2/REPOSITORY/blobs/uploads/
	Upload            // /v2/REPOSITORY/blobs/uploads/ID
	Referrers         // /v2/REPOSITORY/referrers/DIGEST
	ACRCatalog        // /acr/v1/_catalog
	ACRRepository     // /acr/v1/REPOSITORY
	ACRTags           // /acr/v1/REPOSITORY/_tags
	ACRTag            // /acr/v1/REPOSITORY/_tags/TAG
	ACRManifests      // /acr/v1/REPOSITORY/_manifests
	ACRManifest       // /acr/v1/REPOSITORY/_manifests/DIGEST
	AccessToken       // /oauth2/token
	Exchange          // /oauth2/exchange
	EntraToken        // /TENANT/oauth2/v2.0/token
	EntraTokenV1      // /TENANT/oauth2/token
	OpenIDConfig      // /TENANT/v2.0/.well-known/openid-configuration
	EntraKeys         // /TENANT/discovery/v2.0/keys
	InstanceDiscovery // /TENANT/discovery/instance
	Endpoints         // /metadata/endpoints
	Resource          // /subscriptions, /tenants, /providers, and below
	Directory         // /v1.0 and /beta, and below
	CACertificate     // /ca.pem
	Health            // /healthz
	Ready             // /readyz
)

// Route is what a request asks for.
type Route struct {
	method    string
	Service   Service
	Operation Operation
	Repo      string   // of the registry's operations
	Ref       string   // tag, digest, or upload; "" if the operation has none
	MountFrom string   // the repository that a blob is to be mounted from; "" = none is named
	Tenant    string   // of the authority's operations, as the client wrote it
	Segments  []string // of Resource: the path, as the client wrote it, without a slash at its end
}

// Of says what a request asks for. Requests to the host of blobs are not recognized
// here, because only its name tells them.
func Of(r *http.Request) Route {
	out := of(r.Method, r.URL.Path)
	out.method = r.Method
	if out.Operation == UploadStart && r.URL.Query().Get("mount") != "" {
		if from := r.URL.Query().Get("from"); acrkit.CheckRepositoryName(from) == nil {
			out.MountFrom = from
		}
	}
	return out
}

func of(method, path string) Route {
	switch {
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		return registry(method, path).in(Registry)
	case strings.HasPrefix(path, "/acr/v1/"):
		return acr(strings.TrimPrefix(path, "/acr/v1/")).in(ACR)
	case path == "/oauth2/token":
		return Route{Service: Tokens, Operation: AccessToken}
	case path == "/oauth2/exchange":
		return Route{Service: Tokens, Operation: Exchange}
	case strings.HasPrefix(path, control.Prefix):
		return Route{Service: Control}
	case path == "/ca.pem":
		return Route{Service: Public, Operation: CACertificate}
	case path == "/healthz":
		return Route{Service: Public, Operation: Health}
	case path == "/readyz":
		return Route{Service: Public, Operation: Ready}
	}
	if r, ok := arm(path); ok {
		return r
	}
	for _, version := range []string{"v1.0", "beta"} {
		if strings.HasPrefix(path, "/"+version+"/") {
			return Route{Service: Graph, Operation: Directory, Segments: strings.Split(strings.Trim(path, "/"), "/")}
		}
	}
	return entra(path)
}

func (r Route) in(s Service) Route {
	r.Service = s
	return r
}

// arm reads the paths of Azure Resource Manager.
func arm(path string) (Route, bool) {
	path = strings.TrimSuffix(path, "/")
	lower := strings.ToLower(path)
	if lower == "/metadata/endpoints" {
		return Route{Service: Metadata, Operation: Endpoints}, true
	}
	for _, root := range []string{"/subscriptions", "/tenants", "/providers"} {
		if rest, ok := strings.CutPrefix(lower, root); ok && (rest == "" || rest[0] == '/') {
			return Route{Service: ARM, Operation: Resource, Segments: strings.Split(path[1:], "/")}, true
		}
	}
	return Route{}, false
}

// entra reads the paths of the authority. Each begins with a tenant.
func entra(path string) Route {
	tenant, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || tenant == "" {
		return Route{}
	}
	r := Route{Service: Entra, Tenant: tenant}
	switch strings.TrimSuffix(rest, "/") {
	case "oauth2/v2.0/token":
		r.Operation = EntraToken
	case "oauth2/token":
		r.Operation = EntraTokenV1
	case "v2.0/.well-known/openid-configuration", ".well-known/openid-configuration":
		r.Operation = OpenIDConfig
	case "discovery/v2.0/keys", "discovery/keys":
		r.Operation = EntraKeys
	case "discovery/instance":
		r.Operation = InstanceDiscovery
	default:
		return Route{}
	}
	return r
}

// Clean leaves one of the slashes that a path begins with. Clients whose endpoint of
// Azure Resource Manager or Entra ends in a slash write //metadata/endpoints,
// //subscriptions and //TENANT/oauth2/v2.0/token. Several slashes later in a path are left:
// no client writes them, and a name between them would be empty. Paths of the registry, of which it
// is not known, and of the control API are left as they are.
func Clean(r *http.Request) *http.Request {
	path := "/" + strings.TrimLeft(r.URL.Path, "/")
	if !strings.HasPrefix(r.URL.Path, "//") || path == "/v2" ||
		slices.ContainsFunc([]string{"/v2/", "/acr/", "/oauth2/", control.Prefix}, func(prefix string) bool {
			return strings.HasPrefix(path, prefix)
		}) {
		return r
	}
	changed, u := *r, *r.URL
	u.Path, u.RawPath = path, ""
	changed.URL = &u
	return &changed
}

// OfRegistry reports whether a service is a registry's: its network rules and rate
// limits apply.
func (s Service) OfRegistry() bool {
	return s == Registry || s == ACR || s == Tokens
}

// ReadsForm reports whether a service reads a request's body before it knows the
// client.
func (s Service) ReadsForm() bool { return s == Tokens || s == Entra }

// Class is the class of requests that a fault can name; "" if no fault hits the
// request, because nothing serves it.
func (r Route) Class() fault.Route {
	switch r.Service {
	case Entra:
		return fault.RouteEntra
	case ARM, Metadata:
		return fault.RouteARM
	case Storage:
		return fault.RouteStorage
	case Nothing, Control, Public, Graph:
		return ""
	}
	switch r.Operation {
	case AccessToken:
		return fault.RouteToken
	case Exchange:
		return fault.RouteExchange
	case Base:
		return fault.RouteBase
	case Catalog, ACRCatalog:
		return fault.RouteCatalog
	case TagNames, ACRTags:
		return fault.RouteTags
	case Referrers:
		return fault.RouteReferrers
	case UploadStart, Upload:
		return fault.RouteBlobUpload
	case Manifest:
		return r.byMethod(fault.RouteManifestGet, fault.RouteManifestPut, fault.RouteManifestDelete)
	case Blob: // no PUT: it is refused
		return r.byMethod(fault.RouteBlobGet, fault.RouteBlobUpload, fault.RouteBlobDelete)
	case ACRRepository, ACRTag, ACRManifests, ACRManifest:
		return fault.RouteACR
	}
	return ""
}

func (r Route) byMethod(get, put, del fault.Route) fault.Route {
	switch r.method {
	case http.MethodPut:
		return put
	case http.MethodDelete:
		return del
	}
	return get
}
