package dataplane

import (
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
)

// route is what a path asks for. The zero value matches nothing.
type route struct {
	kind kind
	repo string
	ref  string // tag, digest, or upload; "" where there is none
}

type kind uint8

const (
	noRoute kind = iota
	base
	catalog // /v2/_catalog
	tagsList
	manifestContent
	blobContent
	uploadStart
	uploadSession
	referrers
	acrCatalog // /acr/v1/_catalog
	acrRepository
	acrTags
	acrTag
	acrManifests
	acrManifest
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

// parseRoute reads a decoded path. It splits at the last word that has a
// meaning, so that repositories may be called like one ("a/manifests/b").
// A malformed path matches nothing: the service answers it with a plain 404
// before it asks for a credential (recorded).
func parseRoute(method, path string) route {
	if rest, ok := strings.CutPrefix(path, "/acr/v1/"); ok {
		return parseACR(rest)
	}
	if path == "/v2" || path == "/v2/" {
		return route{kind: base}
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return route{}
	}
	if rest == "_catalog" {
		return route{kind: catalog}
	}
	if repo, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return route{kind: tagsList, repo: repo}.checked()
	}
	for _, suffix := range []string{"/blobs/uploads/", "/blobs/uploads"} {
		if repo, ok := strings.CutSuffix(rest, suffix); ok {
			return route{kind: uploadStart, repo: repo}.checked()
		}
	}
	i := strings.LastIndexByte(rest, '/')
	if i < 0 {
		return route{}
	}
	before, ref := rest[:i], rest[i+1:]
	if repo, ok := strings.CutSuffix(before, "/blobs/uploads"); ok {
		return route{uploadSession, repo, ref}.checked()
	}
	for _, w := range []struct {
		suffix string
		kind   kind
	}{{"/manifests", manifestContent}, {"/blobs", blobContent}, {"/referrers", referrers}} {
		if repo, ok := strings.CutSuffix(before, w.suffix); ok {
			if method == "PUT" && w.kind == manifestContent && looseDigest.MatchString(ref) {
				return route{kind: w.kind, repo: repo, ref: ref}.checkedName()
			}
			return route{w.kind, repo, ref}.checked()
		}
	}
	return route{}
}

// parseACR reads what follows /acr/v1/. No part of a repository's name begins
// with an underscore, so the words cannot be mistaken.
func parseACR(rest string) route {
	if rest == "_catalog" {
		return route{kind: acrCatalog}
	}
	for _, w := range []struct {
		word      string
		list, one kind
	}{{"/_tags", acrTags, acrTag}, {"/_manifests", acrManifests, acrManifest}} {
		if repo, ok := strings.CutSuffix(rest, w.word); ok {
			return route{kind: w.list, repo: repo}.checked()
		}
		if i := strings.LastIndex(rest, w.word+"/"); i >= 0 {
			return route{w.one, rest[:i], rest[i+len(w.word)+1:]}.checked()
		}
	}
	return route{kind: acrRepository, repo: rest}.checked()
}

// checked returns r if its parts have the form of what they are, else no route.
func (r route) checked() route {
	ok := true
	switch r.kind {
	case manifestContent:
		ok = acrkit.IsTag(r.ref) || digestForm.MatchString(r.ref)
	case blobContent, referrers, acrManifest:
		ok = digestForm.MatchString(r.ref)
	case acrTag:
		ok = acrkit.IsTag(r.ref)
	case uploadSession:
		ok = uploadForm.MatchString(r.ref)
	}
	if !ok {
		return route{}
	}
	return r.checkedName()
}

func (r route) checkedName() route {
	if acrkit.CheckRepositoryName(r.repo) != nil {
		return route{}
	}
	return r
}

// methods returns what a route takes.
func (k kind) methods() []string {
	switch k {
	case base, catalog, tagsList, referrers, acrCatalog, acrTags, acrManifests:
		return []string{"GET", "HEAD"}
	case manifestContent:
		return []string{"GET", "HEAD", "PUT", "DELETE"}
	case blobContent:
		return []string{"GET", "HEAD", "DELETE"}
	case uploadStart:
		return []string{"POST"}
	case uploadSession:
		return []string{"GET", "HEAD", "PATCH", "PUT", "DELETE"}
	case acrRepository, acrTag:
		return []string{"GET", "HEAD", "PATCH", "DELETE"}
	case acrManifest:
		return []string{"GET", "HEAD", "PATCH"}
	}
	return nil
}

// need is one element of a required scope, in the order of a challenge's body.
type need struct{ typ, name, action string }

// needs returns what a request requires, as recorded challenges ask for it.
// Listing tags needs metadata_read, not pull as elsewhere, and ending an upload
// needs delete. For referrers no challenge is recorded; pull is believed.
func (r route) needs(method, mountFrom string) []need {
	repo := func(actions ...string) (all []need) {
		for _, a := range actions {
			all = append(all, need{"repository", r.repo, a})
		}
		return all
	}
	isRead := method == "GET" || method == "HEAD"
	switch r.kind {
	case catalog, acrCatalog:
		return []need{{"registry", "catalog", "*"}}
	case tagsList:
		return repo("metadata_read")
	case referrers:
		return repo("pull")
	case manifestContent, blobContent:
		switch {
		case isRead:
			return repo("pull")
		case method == "DELETE":
			return repo("delete")
		}
		return repo("pull", "push")
	case uploadStart:
		all := repo("pull", "push")
		if mountFrom != "" {
			all = append(all, need{"repository", mountFrom, "pull"})
		}
		return all
	case uploadSession:
		if method == "DELETE" {
			return repo("delete")
		}
		return repo("pull", "push")
	case acrRepository, acrTags, acrTag, acrManifests, acrManifest:
		switch {
		case isRead:
			return repo("metadata_read")
		case method == "DELETE":
			return repo("delete")
		}
		return repo("metadata_write")
	}
	return nil
}
