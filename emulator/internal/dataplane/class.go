package dataplane

import "net/http"

// Class names the kind of operation that a path under /v2 or /acr/v1 asks for,
// for faults that hit some of them: "base", "catalog", "tags",
// "referrers", "manifest-get", "manifest-put", "manifest-delete", "blob-get",
// "blob-upload", "blob-delete" or "acr"; "" where no route matches.
func Class(method, path string) string {
	switch k := parseRoute(method, path).kind; k {
	case base:
		return "base"
	case catalog, acrCatalog:
		return "catalog"
	case tagsList, acrTags:
		return "tags"
	case referrers:
		return "referrers"
	case uploadStart, uploadSession:
		return "blob-upload"
	case manifestContent, blobContent:
		noun := "manifest"
		if k == blobContent {
			noun = "blob"
		}
		switch method {
		case http.MethodPut:
			return noun + "-put"
		case http.MethodDelete:
			return noun + "-delete"
		}
		return noun + "-get"
	case acrRepository, acrTag, acrManifests, acrManifest:
		return "acr"
	}
	return ""
}
