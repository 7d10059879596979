package route

import (
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
)

// The router takes more digests than the store knows, as the service's does;
// the rest is refused after authentication. An upload's id is a UUID.
var (
	digestForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,256}$`)
	// Source: OCI distribution conformance: putting a manifest under what looks
	// like a digest and is none is answered with 400. Whether the service's router
	// lets it through is not recorded; for other methods it does not.
	looseDigest = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$`)
	uploadForm  = regexp.MustCompile(`^[a-zA-Z0-9-_.=]{1,128}$`)
)

// registry reads a path below /v2. It splits at the last word that has a meaning, so
// that repositories may be called like one ("a/manifests/b"). A malformed path has no
// operation: the service answers it with a plain 404 before it asks for a credential
// (recorded).
func registry(method, path string) Route {
	if path == "/v2" || path == "/v2/" {
		return Route{Operation: Base}
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return Route{}
	}
	if rest == "_catalog" {
		return Route{Operation: Catalog}
	}
	if repo, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return Route{Operation: TagNames, Repo: repo}.checked()
	}
	for _, suffix := range []string{"/blobs/uploads/", "/blobs/uploads"} {
		if repo, ok := strings.CutSuffix(rest, suffix); ok {
			return Route{Operation: UploadStart, Repo: repo}.checked()
		}
	}
	i := strings.LastIndexByte(rest, '/')
	if i < 0 {
		return Route{}
	}
	before, ref := rest[:i], rest[i+1:]
	if repo, ok := strings.CutSuffix(before, "/blobs/uploads"); ok {
		return Route{Operation: Upload, Repo: repo, Ref: ref}.checked()
	}
	for _, w := range []struct {
		suffix    string
		operation Operation
	}{{"/manifests", Manifest}, {"/blobs", Blob}, {"/referrers", Referrers}} {
		if repo, ok := strings.CutSuffix(before, w.suffix); ok {
			if method == "PUT" && w.operation == Manifest && looseDigest.MatchString(ref) {
				return Route{Operation: w.operation, Repo: repo, Ref: ref}.checkedName()
			}
			return Route{Operation: w.operation, Repo: repo, Ref: ref}.checked()
		}
	}
	return Route{}
}

// acr reads what follows /acr/v1/. No part of a repository's name begins
// with an underscore, so the words cannot be mistaken.
func acr(rest string) Route {
	if rest == "_catalog" {
		return Route{Operation: ACRCatalog}
	}
	for _, w := range []struct {
		word      string
		list, one Operation
	}{{"/_tags", ACRTags, ACRTag}, {"/_manifests", ACRManifests, ACRManifest}} {
		if repo, ok := strings.CutSuffix(rest, w.word); ok {
			return Route{Operation: w.list, Repo: repo}.checked()
		}
		if i := strings.LastIndex(rest, w.word+"/"); i >= 0 {
			return Route{Operation: w.one, Repo: rest[:i], Ref: rest[i+len(w.word)+1:]}.checked()
		}
	}
	return Route{Operation: ACRRepository, Repo: rest}.checked()
}

// checked returns r if its parts have the form of what they are, else no route.
func (r Route) checked() Route {
	ok := true
	switch r.Operation {
	case Manifest:
		ok = acrkit.IsTag(r.Ref) || digestForm.MatchString(r.Ref)
	case Blob, Referrers, ACRManifest:
		ok = digestForm.MatchString(r.Ref)
	case ACRTag:
		ok = acrkit.IsTag(r.Ref)
	case Upload:
		ok = uploadForm.MatchString(r.Ref)
	}
	if !ok {
		return Route{}
	}
	return r.checkedName()
}

func (r Route) checkedName() Route {
	if acrkit.CheckRepositoryName(r.Repo) != nil {
		return Route{}
	}
	return r
}

// IsRead reports whether the method only reads.
func (r Route) IsRead() bool { return r.method == "GET" || r.method == "HEAD" }

// Methods returns the methods that an operation of the registry takes.
func (r Route) Methods() []string {
	switch r.Operation {
	case Base, Catalog, TagNames, Referrers, ACRCatalog, ACRTags, ACRManifests:
		return []string{"GET", "HEAD"}
	case Manifest:
		return []string{"GET", "HEAD", "PUT", "DELETE"}
	case Blob:
		return []string{"GET", "HEAD", "DELETE"}
	case UploadStart:
		return []string{"POST"}
	case Upload:
		return []string{"GET", "HEAD", "PATCH", "PUT", "DELETE"}
	case ACRRepository, ACRTag:
		return []string{"GET", "HEAD", "PATCH", "DELETE"}
	case ACRManifest:
		return []string{"GET", "HEAD", "PATCH"}
	}
	return nil
}

// Need is one element of a required scope, in the order of a challenge's body.
type Need struct{ Type, Name, Action string }

// Needs returns what a request requires, as recorded challenges ask for it.
// Listing tags needs metadata_read, not pull as elsewhere, and ending an upload
// needs delete. A mount needs pull on its source, in the same challenge. For referrers no
// challenge is recorded; pull is believed.
func (r Route) Needs() []Need {
	repo := func(actions ...string) (all []Need) {
		for _, a := range actions {
			all = append(all, Need{"repository", r.Repo, a})
		}
		return all
	}
	isRead := r.IsRead()
	switch r.Operation {
	case Catalog, ACRCatalog:
		return []Need{{"registry", "catalog", "*"}}
	case TagNames:
		return repo("metadata_read")
	case Referrers:
		return repo("pull")
	case Manifest, Blob:
		switch {
		case isRead:
			return repo("pull")
		case r.method == "DELETE":
			return repo("delete")
		}
		return repo("pull", "push")
	case UploadStart:
		all := repo("pull", "push")
		if r.MountFrom != "" {
			all = append(all, Need{"repository", r.MountFrom, "pull"})
		}
		return all
	case Upload:
		if r.method == "DELETE" {
			return repo("delete")
		}
		return repo("pull", "push")
	case ACRRepository, ACRTags, ACRTag, ACRManifests, ACRManifest:
		switch {
		case isRead:
			return repo("metadata_read")
		case r.method == "DELETE":
			return repo("delete")
		}
		return repo("metadata_write")
	}
	return nil
}
