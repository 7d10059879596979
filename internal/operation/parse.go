package operation

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/acrkit/acrkit"
)

// MaxQuery is the longest query that Parse reads, in bytes. The longest one has the
// state of an upload, some hundred bytes in ACR.
const MaxQuery = 16 << 10

// Request is a request that is a known operation in every part. It keeps none of the text
// it was read from: [Request.URI] writes it again.
type Request struct {
	Required
	Method    string
	Reference string     // tag, digest, or an upload's id; "" where there is none
	Query     url.Values // the parameters of the operation, each once

	path path
}

// Parse reads a request, and reports whether it is a known operation, well-formed
// in every part: method, repository name, tag or digest, and those parameters of
// the query that mean something to the operation, none of them twice. Other
// parameters are left out.
//
// A mount without a source would take the blob from a repository whose rights were not
// checked; it is read as the start of an upload, which the OCI distribution specification
// allows a registry to do with any mount.
func Parse(method string, u *url.URL) (Request, bool) {
	p := readPath(method, u.Path)
	if u.Opaque != "" || u.User != nil || !p.takes(method) || !p.wellFormed() || len(u.RawQuery) > MaxQuery {
		return Request{}, false
	}
	all, err := url.ParseQuery(u.RawQuery) // a semicolon is an error
	if err != nil {
		return Request{}, false
	}
	r := Request{Method: method, Reference: p.ref, Query: url.Values{}, path: p}
	for _, key := range p.parameters() {
		switch values := all[key]; {
		//rule:proxy-known-parse
		case len(values) > 1:
			return Request{}, false
		case len(values) == 1 && values[0] != "":
			r.Query[key] = values
		}
	}
	if p.resource != acrTags { // where it filters by any digest
		if digest := r.Query.Get("digest"); digest != "" && !acrkit.IsDigest(digest) {
			return Request{}, false
		}
	}
	op := p.resource.operation(method)
	switch op {
	case Ping:
		r.Required = Required{Op: op}
		return r, true
	case Catalog:
		r.Required = Required{Op: op, Scope: acrkit.CatalogScope()}
		return r, true
	}
	mount, from := r.Query.Get("mount"), r.Query.Get("from")
	switch {
	//rule:proxy-scope-map-parse
	case mount == "" || from == "":
		delete(r.Query, "mount")
		delete(r.Query, "from")
		from = ""
	case !acrkit.IsDigest(mount) || acrkit.CheckRepositoryName(from) != nil:
		return Request{}, false
	}
	r.Required = onRepository(op, p.name, from)
	return r, true
}

// IsBlob reports whether the request reads a blob, which ACR answers with a redirect to
// its storage.
func (r Request) IsBlob() bool { return r.path.resource == blob && r.Op == Pull }

// IsUpload reports whether the request goes to an upload under way.
func (r Request) IsUpload() bool { return r.path.resource == upload }

// IsList reports whether the answer may come in pages.
func (r Request) IsList() bool {
	return slices.Contains([]resource{catalog, tagNames, referrers, acrTags, acrManifests}, r.path.resource)
}

// SameResource reports whether both requests name the same thing.
func (r Request) SameResource(other Request) bool { return r.path == other.path }

// HasBody reports whether the operation takes a body.
func (r Request) HasBody() bool {
	switch r.Method {
	case http.MethodPut, http.MethodPatch:
		return true
	case http.MethodPost:
		return r.Query.Has("digest") // the whole blob in one request
	}
	return false
}

// Path returns the path, without escapes: no part of it needs one.
func (r Request) Path() string {
	p := r.path
	switch p.resource {
	case base:
		return v2
	case catalog:
		return p.api + "_catalog"
	case tagNames:
		return v2 + p.name + "/tags/list"
	case manifest:
		return v2 + p.name + "/manifests/" + p.ref
	case blob:
		return v2 + p.name + "/blobs/" + p.ref
	case uploads, upload:
		return v2 + p.name + "/blobs/uploads/" + p.ref
	case referrers:
		return v2 + p.name + "/referrers/" + p.ref
	case acrTags:
		return acrV1 + p.name + "/_tags"
	case acrTag:
		return acrV1 + p.name + "/_tags/" + p.ref
	case acrManifests:
		return acrV1 + p.name + "/_manifests"
	case acrManifest:
		return acrV1 + p.name + "/_manifests/" + p.ref
	}
	return acrV1 + p.name
}

// URI returns path and query.
func (r Request) URI() string {
	if len(r.Query) == 0 {
		return r.Path()
	}
	return r.Path() + "?" + r.Query.Encode()
}

// takes reports whether a resource has a method, as in the service.
func (p path) takes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead:
		return p.resource != nothing && p.resource != uploads
	case http.MethodPost:
		return p.resource == uploads
	case http.MethodPut:
		return p.resource == manifest || p.resource == upload
	case http.MethodPatch:
		return slices.Contains([]resource{upload, acrRepository, acrTag, acrManifest}, p.resource)
	case http.MethodDelete:
		return slices.Contains([]resource{manifest, blob, upload, acrRepository, acrTag}, p.resource)
	}
	return false
}

// uploadID is the form of an upload's id; ACR's are UUIDs. It is never "." or
// "..", which would name another path.
var uploadID = regexp.MustCompile(`^[a-zA-Z0-9_-][a-zA-Z0-9_.=-]{0,127}$`)

// wellFormed reports whether name and reference are well-formed.
func (p path) wellFormed() bool {
	switch p.resource {
	case nothing:
		return false
	case base, catalog:
		return true
	case manifest:
		if !acrkit.IsTag(p.ref) && !acrkit.IsDigest(p.ref) {
			return false
		}
	case acrTag:
		if !acrkit.IsTag(p.ref) {
			return false
		}
	case blob, referrers, acrManifest:
		if !acrkit.IsDigest(p.ref) {
			return false
		}
	case upload:
		if !uploadID.MatchString(p.ref) {
			return false
		}
	}
	return acrkit.CheckRepositoryName(p.name) == nil
}

// StateParameter is the parameter of an upload's address with ACR's state of the upload
// (recorded).
const StateParameter = "_state"

// parameters returns the names of the parameters of a resource.
func (p path) parameters() []string {
	switch p.resource {
	case tagNames:
		return []string{"n", "last", "orderby"}
	case catalog, acrManifests:
		return []string{"n", "last", "orderby", "api-version"}
	case acrTags:
		return []string{"n", "last", "orderby", "digest", "api-version"}
	case acrRepository, acrTag, acrManifest:
		return []string{"api-version"}
	case referrers:
		return []string{"n", "last", "artifactType"}
	case uploads:
		return []string{"digest", "mount", "from"}
	case upload:
		return []string{"digest", StateParameter}
	}
	return nil
}
