package fault

// Route is a class of requests that a fault can be limited to.
type Route string

// The routes.
const (
	Token          Route = "token"           // /oauth2/token
	Exchange       Route = "exchange"        // /oauth2/exchange
	Entra          Route = "entra"           // the Entra authority
	ARM            Route = "arm"             // Azure Resource Manager
	Base           Route = "base"            // /v2/ itself
	Catalog        Route = "catalog"         // the lists of repositories
	Tags           Route = "tags"            // the lists of tags
	Referrers      Route = "referrers"       // the referrers of a manifest
	ManifestGet    Route = "manifest-get"    // GET and HEAD
	ManifestPut    Route = "manifest-put"    // a push's last step
	ManifestDelete Route = "manifest-delete" // of a digest
	BlobGet        Route = "blob-get"        // GET and HEAD
	BlobUpload     Route = "blob-upload"     // uploads and mounts, all methods
	BlobDelete     Route = "blob-delete"     // of a digest
	ACR            Route = "acr"             // /acr/v1 apart from lists of repositories and tags
	Storage        Route = "storage"         // the second host, to which a download of a blob can be redirected
)

// Routes returns all routes.
func Routes() []Route {
	return []Route{
		Token, Exchange, Entra, ARM, Base, Catalog, Tags, Referrers, ManifestGet, ManifestPut, ManifestDelete,
		BlobGet, BlobUpload, BlobDelete, ACR, Storage,
	}
}
