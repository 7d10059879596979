// Package operation reads from a request's method and URL what it does to a
// registry, and which rights ACR will ask for.
//
// Package auth accepts any request that looks like an operation, because the registry
// decides ([RequiredFor]); package proxy accepts only a request that is well-formed in
// every part, because it decides itself ([Parse]). Both read the path in the same way.
package operation

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/acrkit/acrkit"
)

// Operation is one kind of request for ACR; it determines the actions.
type Operation string

// The operations. Source: the scopes of recorded challenges. Only Referrers is
// believed: no challenge for it was recorded, and Microsoft files it under
// content/read.
const (
	Unknown       Operation = ""
	Ping          Operation = "ping"
	Catalog       Operation = "catalog"
	Pull          Operation = "pull"
	Push          Operation = "push"
	UploadStatus  Operation = "upload status"
	Mount         Operation = "mount"
	Delete        Operation = "delete"
	Referrers     Operation = "referrers"
	TagsList      Operation = "tags list" // metadata_read, not pull as elsewhere
	MetadataRead  Operation = "metadata read"
	MetadataWrite Operation = "metadata write"
)

// actions returns the actions that an operation on a repository needs.
func (op Operation) actions() []acrkit.Action {
	switch op {
	case Pull, Referrers:
		return []acrkit.Action{acrkit.ContentRead}
	case Push, UploadStatus, Mount:
		return []acrkit.Action{acrkit.ContentRead, acrkit.ContentWrite}
	case Delete:
		return []acrkit.Action{acrkit.ContentDelete}
	case TagsList, MetadataRead:
		return []acrkit.Action{acrkit.MetadataRead}
	case MetadataWrite:
		return []acrkit.Action{acrkit.MetadataWrite}
	}
	return nil
}

// Required is the scope that a request needs by its method and URL.
type Required struct {
	Op         Operation
	Repository string // "" where the operation has none
	Scope      acrkit.Scope
}

// RequiredFor derives the scope that ACR will ask for. Names may be written with
// "/" or "%2F". For a request that is not recognised it is the empty scope; the service's
// challenge then has the scope.
func RequiredFor(method string, u *url.URL) Required {
	p := readPath(method, u.Path) // decoded, so that %2F and / are the same
	op := p.resource.operation(method)
	switch op {
	case Unknown, Ping:
		return Required{Op: op}
	case Catalog:
		return Required{Op: op, Scope: acrkit.CatalogScope()}
	}
	// A malformed repository name is answered 404 before authentication (recorded), and
	// must not become part of a scope.
	if acrkit.CheckRepositoryName(p.name) != nil {
		return Required{}
	}
	from := ""
	if q := u.Query(); op == Push && q.Get("mount") != "" && acrkit.CheckRepositoryName(q.Get("from")) == nil {
		from = q.Get("from")
	}
	return onRepository(op, p.name, from)
}

// onRepository returns what an operation on a repository requires; from is the
// source of a mount, or "".
func onRepository(op Operation, name, from string) Required {
	r := Required{Op: op, Repository: name, Scope: acrkit.RepositoryScope(name, op.actions()...)}
	if op == Push && from != "" {
		// A mount needs both repositories in one token (recorded).
		r.Op = Mount
		//rule:proxy-scope-map-on-repository
		r.Scope = r.Scope.Union(acrkit.RepositoryScope(from, acrkit.ContentRead))
	}
	return r
}

// WasUsed reports whether the status of an answer proves that the rights were granted and
// needed. The registry checks rights first: what is not found, locked or malformed was allowed.
func WasUsed(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status >= 100 && status < 500
}

// resource is what a path names.
type resource uint8

const (
	nothing resource = iota
	base
	catalog
	tagNames // /v2/NAME/tags/list
	manifest
	blob
	uploads // the start of an upload
	upload
	referrers
	acrRepository // and everything else under /acr/v1/NAME
	acrTags
	acrTag
	acrManifests
	acrManifest
)

// path is a decoded path in parts.
type path struct {
	api      string // "/v2/" or "/acr/v1/"
	resource resource
	name     string // of the repository, not checked
	ref      string // tag, digest or upload, not checked
}

const (
	v2    = "/v2/"
	acrV1 = "/acr/v1/"
)

func readPath(method, text string) path {
	switch {
	case text == "/v2" || text == v2:
		return path{api: v2, resource: base}
	case text == "/v2/_catalog":
		return path{api: v2, resource: catalog}
	case text == "/acr/v1/_catalog":
		return path{api: acrV1, resource: catalog}
	case strings.HasPrefix(text, v2):
		return readDistribution(method, text[len(v2):])
	case strings.HasPrefix(text, acrV1):
		return readMetadata(text[len(acrV1):])
	}
	return path{}
}

// readDistribution reads what follows /v2/ (OCI distribution specification 1.1,
// "Endpoints"). A name may hold "manifests" or "blobs" as a part; the last one
// decides, since what follows it never holds a slash.
func readDistribution(method, rest string) path {
	parts := strings.Split(rest, "/")
	n := len(parts)
	if n < 3 {
		return path{}
	}
	last, before := parts[n-1], parts[n-2]
	as := func(r resource, tail int, ref string) path {
		return path{api: v2, resource: r, name: strings.Join(parts[:n-tail], "/"), ref: ref}
	}
	switch {
	case before == "manifests" && last != "":
		return as(manifest, 2, last)
	case before == "tags" && last == "list":
		return as(tagNames, 2, "")
	case before == "referrers" && last != "":
		return as(referrers, 2, last)
	case before == "uploads" && n >= 4 && parts[n-3] == "blobs":
		if last == "" && method == http.MethodPost {
			return as(uploads, 3, "")
		}
		return as(upload, 3, last)
	case before == "blobs" && last == "uploads" && method == http.MethodPost:
		return as(uploads, 2, "")
	case before == "blobs" && last != "":
		return as(blob, 2, last)
	}
	return path{}
}

// readMetadata reads what follows /acr/v1/. No part of a name begins with "_".
func readMetadata(rest string) path {
	for _, w := range []struct {
		mark      string
		list, one resource
	}{{"/_tags", acrTags, acrTag}, {"/_manifests", acrManifests, acrManifest}} {
		name, tail, ok := strings.Cut(rest, w.mark)
		switch {
		case !ok:
			continue
		case tail == "":
			return path{api: acrV1, resource: w.list, name: name}
		case tail[0] == '/':
			return path{api: acrV1, resource: w.one, name: name, ref: tail[1:]}
		}
		return path{}
	}
	return path{api: acrV1, resource: acrRepository, name: rest}
}

// operation returns what a method does to a resource.
func (r resource) operation(method string) Operation {
	read := method == http.MethodGet || method == http.MethodHead
	pick := func(onGet, onPut, onPatch, onDelete Operation) Operation {
		switch {
		case read:
			return onGet
		case method == http.MethodPut:
			return onPut
		case method == http.MethodPatch:
			return onPatch
		case method == http.MethodDelete:
			return onDelete
		}
		return Unknown
	}
	switch r {
	case base:
		return Ping // with any method
	case catalog:
		return pick(Catalog, Unknown, Unknown, Unknown)
	case tagNames:
		return pick(TagsList, Unknown, Unknown, Unknown)
	case referrers:
		return pick(Referrers, Unknown, Unknown, Unknown)
	case manifest:
		return pick(Pull, Push, Unknown, Delete)
	case blob:
		return pick(Pull, Unknown, Unknown, Delete)
	case uploads:
		return Push // it is one with POST alone
	case upload:
		if method == http.MethodPost {
			return Push
		}
		return pick(UploadStatus, Push, Push, Delete)
	case acrRepository, acrTags, acrTag, acrManifests, acrManifest:
		return pick(MetadataRead, Unknown, MetadataWrite, Delete)
	}
	return Unknown
}
