package fault

// Route is a class of requests that a fault can be limited to.
type Route string

// The routes.
const (
	RouteToken          Route = "token"           // /oauth2/token
	RouteExchange       Route = "exchange"        // /oauth2/exchange
	RouteEntra          Route = "entra"           // the Entra authority
	RouteARM            Route = "arm"             // Azure Resource Manager
	RouteBase           Route = "base"            // /v2/ itself
	RouteCatalog        Route = "catalog"         // the lists of repositories
	RouteTags           Route = "tags"            // the lists of tags
	RouteReferrers      Route = "referrers"       // the referrers of a manifest
	RouteManifestGet    Route = "manifest-get"    // GET and HEAD
	RouteManifestPut    Route = "manifest-put"    // a push's last step
	RouteManifestDelete Route = "manifest-delete" // of a digest
	RouteBlobGet        Route = "blob-get"        // GET and HEAD
	RouteBlobUpload     Route = "blob-upload"     // uploads and mounts, all methods
	RouteBlobDelete     Route = "blob-delete"     // of a digest
	RouteACR            Route = "acr"             // /acr/v1 apart from lists of repositories and tags
	RouteStorage        Route = "storage"         // the second host, to which a download of a blob can be redirected
)

// Routes returns all routes.
func Routes() []Route {
	return []Route{
		RouteToken, RouteExchange, RouteEntra, RouteARM, RouteBase, RouteCatalog, RouteTags, RouteReferrers,
		RouteManifestGet, RouteManifestPut, RouteManifestDelete, RouteBlobGet, RouteBlobUpload, RouteBlobDelete,
		RouteACR, RouteStorage,
	}
}
