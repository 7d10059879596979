package auth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/acrkit/acrkit"
)

// operation is one kind of request in ACR's eyes; it decides the actions.
type operation string

// Source: the scopes of recorded challenges. Only referrers is believed: no
// challenge for it was recorded, and Microsoft files it under content/read.
const (
	opUnknown       operation = ""
	opPing          operation = "ping"
	opCatalog       operation = "catalog"
	opPull          operation = "pull"
	opPush          operation = "push"
	opUploadStatus  operation = "upload status"
	opMount         operation = "mount"
	opDelete        operation = "delete"
	opReferrers     operation = "referrers"
	opTagsList      operation = "tags list" // metadata_read, not pull as elsewhere
	opMetadataRead  operation = "metadata read"
	opMetadataWrite operation = "metadata write"
)

var operationActions = map[operation][]acrkit.Action{
	opPull:          {acrkit.ContentRead},
	opPush:          {acrkit.ContentRead, acrkit.ContentWrite},
	opUploadStatus:  {acrkit.ContentRead, acrkit.ContentWrite},
	opMount:         {acrkit.ContentRead, acrkit.ContentWrite},
	opDelete:        {acrkit.ContentDelete},
	opReferrers:     {acrkit.ContentRead},
	opTagsList:      {acrkit.MetadataRead},
	opMetadataRead:  {acrkit.MetadataRead},
	opMetadataWrite: {acrkit.MetadataWrite},
}

// required is what a request needs, as far as its method and URL tell.
type required struct {
	op         operation
	repository string // "" where the operation has none
	scope      acrkit.Scope
}

// requiredFor derives the scope that ACR will ask for. Names may be written with
// "/" or "%2F". A request that is not recognised needs the empty scope as far as
// we know; the service's challenge then tells.
func requiredFor(method string, u *url.URL) required {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := u.Path // decoded, so that %2F and / are the same
	switch {
	case path == "/v2" || path == "/v2/":
		return required{op: opPing}
	case path == "/v2/_catalog" || path == "/acr/v1/_catalog":
		if method == http.MethodGet {
			return required{op: opCatalog, scope: acrkit.CatalogScope()}
		}
	case strings.HasPrefix(path, "/v2/"):
		op, name := distribution(method, strings.TrimPrefix(path, "/v2/"))
		return onRepository(op, name, u)
	case strings.HasPrefix(path, "/acr/v1/"):
		op, name := metadata(method, strings.TrimPrefix(path, "/acr/v1/"))
		return onRepository(op, name, u)
	}
	return required{}
}

func onRepository(op operation, name string, u *url.URL) required {
	// What is no repository name is answered 404 before authentication (recorded),
	// and must not become part of a scope.
	if op == opUnknown || acrkit.CheckRepositoryName(name) != nil {
		return required{}
	}
	r := required{op: op, repository: name, scope: acrkit.RepositoryScope(name, operationActions[op]...)}
	if op == opPush {
		// A mount needs both repositories in one token (recorded).
		q := u.Query()
		if from := q.Get("from"); q.Get("mount") != "" && acrkit.CheckRepositoryName(from) == nil {
			r.op = opMount
			r.scope = r.scope.Union(acrkit.RepositoryScope(from, acrkit.ContentRead))
		}
	}
	return r
}

// distribution reads what follows /v2/ (OCI distribution specification 1.1,
// "Endpoints"). A name may hold "manifests" or "blobs" as a part; the last one
// decides, since what follows it never holds a slash.
func distribution(method, rest string) (operation, string) {
	parts := strings.Split(rest, "/")
	n := len(parts)
	name := func(tail int) string { return strings.Join(parts[:n-tail], "/") }
	if n < 3 {
		return opUnknown, ""
	}
	last, before := parts[n-1], parts[n-2]
	switch {
	case before == "manifests" && last != "":
		switch method {
		case http.MethodGet:
			return opPull, name(2)
		case http.MethodPut:
			return opPush, name(2)
		case http.MethodDelete:
			return opDelete, name(2)
		}
	case before == "tags" && last == "list" && method == http.MethodGet:
		return opTagsList, name(2)
	case before == "referrers" && last != "" && method == http.MethodGet:
		return opReferrers, name(2)
	case before == "uploads" && n >= 4 && parts[n-3] == "blobs":
		switch method {
		case http.MethodPost, http.MethodPatch, http.MethodPut:
			return opPush, name(3)
		case http.MethodGet:
			return opUploadStatus, name(3)
		case http.MethodDelete:
			return opDelete, name(3)
		}
	case before == "blobs" && last == "uploads" && method == http.MethodPost:
		return opPush, name(2)
	case before == "blobs" && last != "":
		switch method {
		case http.MethodGet:
			return opPull, name(2)
		case http.MethodDelete:
			return opDelete, name(2)
		}
	}
	return opUnknown, ""
}

// metadata reads what follows /acr/v1/. No part of a name begins with "_".
func metadata(method, rest string) (operation, string) {
	name, tail := rest, ""
	for _, mark := range []string{"/_tags", "/_manifests"} {
		if before, after, ok := strings.Cut(rest, mark); ok {
			name, tail = before, after
			if tail != "" && tail[0] != '/' {
				return opUnknown, ""
			}
			break
		}
	}
	switch method {
	case http.MethodGet:
		return opMetadataRead, name
	case http.MethodPatch:
		return opMetadataWrite, name
	case http.MethodDelete:
		return opDelete, name
	}
	return opUnknown, ""
}

// lessons are what challenges taught about operations: the actions the service
// asked for where they were others than derived. It is bounded by the number of
// operations.
type lessons map[operation][]acrkit.Action

// learn notes the service's scope for r, if it is one set of known actions on
// r's own repository.
func (l lessons) learn(r required, asked acrkit.Scope) {
	if r.op == opUnknown || r.op == opMount || r.repository == "" {
		return
	}
	var actions []acrkit.Action
	resources := 0
	for a := range asked.All() {
		if resources++; resources > 1 || a.Type != "repository" || a.Name != r.repository {
			return
		}
		for _, w := range a.Actions {
			action, err := acrkit.ParseAction(w)
			if err != nil {
				return
			}
			actions = append(actions, action)
		}
	}
	if resources == 1 {
		l[r.op] = actions
	}
}

// apply returns r's scope as the service has taught it.
func (l lessons) apply(r required) acrkit.Scope {
	if actions, ok := l[r.op]; ok && r.repository != "" {
		return acrkit.RepositoryScope(r.repository, actions...)
	}
	return r.scope
}
