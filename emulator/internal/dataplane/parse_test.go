package dataplane

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
)

const d = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseRoute(t *testing.T) {
	for path, want := range map[string]route{
		"/v2":                              {kind: base},
		"/v2/":                             {kind: base},
		"/v2/_catalog":                     {kind: catalog},
		"/v2/a/tags/list":                  {tagsList, "a", ""},
		"/v2/a/b/tags/list":                {tagsList, "a/b", ""},
		"/v2/tags/tags/list":               {tagsList, "tags", ""},
		"/v2/a/manifests/v1":               {manifestContent, "a", "v1"},
		"/v2/a/manifests/" + d:             {manifestContent, "a", d},
		"/v2/a/manifests/b/manifests/v1":   {manifestContent, "a/manifests/b", "v1"},
		"/v2/a/blobs/uploads/manifests/v1": {manifestContent, "a/blobs/uploads", "v1"},
		"/v2/a/blobs/" + d:                 {blobContent, "a", d},
		"/v2/a/blobs/uploads/":             {uploadStart, "a", ""},
		"/v2/a/blobs/uploads":              {uploadStart, "a", ""},
		"/v2/a/blobs/uploads/e5f6-4e":      {uploadSession, "a", "e5f6-4e"},
		"/v2/a/referrers/" + d:             {referrers, "a", d},
		"/acr/v1/_catalog":                 {kind: acrCatalog},
		"/acr/v1/a/b":                      {acrRepository, "a/b", ""},
		"/acr/v1/a/_tags":                  {acrTags, "a", ""},
		"/acr/v1/a/b/_tags/V1.0_x":         {acrTag, "a/b", "V1.0_x"},
		"/acr/v1/a/_manifests":             {acrManifests, "a", ""},
		"/acr/v1/a/_manifests/" + d:        {acrManifest, "a", d},

		"/": {}, "/v3/": {}, "/v2/a": {}, "/v2//": {}, "/v2/manifests/v1": {}, "/v2//manifests/v1": {},
		"/v2/A/manifests/v1": {}, "/v2/a b/manifests/v1": {}, "/v2/a/manifests/": {}, "/v2/a/manifests/.x": {},
		"/v2/../a/manifests/v1": {}, "/v2/a//b/manifests/v1": {}, "/v2/a/blobs/wrong digest": {}, "/v2/a/blobs/sha256:short": {},
		"/v2/a/blobs/uploads/x/y": {}, "/v2/a/tags/list/": {}, "/v2/a/tags": {}, "/acr/v1": {}, "/acr/v1/": {}, "/acr/v1/a/": {},
		"/acr/v1/a/_tags/": {}, "/acr/v1/a/_tags/x/y": {}, "/acr/v1/Nonexistent/_tags/x": {}, "/acr/v1/_tags": {},
		"/acr/v1/a/_manifests/v1": {}, "/v2/" + strings.Repeat("a", 256) + "/tags/list": {},
	} {
		if diff := cmp.Diff(want, parseRoute("GET", path), cmp.AllowUnexported(route{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if got := parseRoute("PUT", "/v2/a/manifests/sha256:bad"); got.kind != manifestContent {
		t.Errorf("putting a manifest under a malformed digest goes to route %d", got.kind)
	}
}

func FuzzParseRoute(f *testing.F) {
	for _, s := range []string{"/v2/", "/v2/a/manifests/v1", "/v2/a/blobs/uploads/x", "/acr/v1/a/_tags/b", "/v2/a/../b/tags/list", "/acr/v1/a/_manifests/" + d} {
		f.Add("GET", s)
		f.Add("PUT", s)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r := parseRoute(method, path)
		hasName := r.kind != noRoute && r.kind != base && r.kind != catalog && r.kind != acrCatalog
		if hasName != (r.repo != "") || hasName && acrkit.CheckRepositoryName(r.repo) != nil {
			t.Errorf("%q: repository %q on route %d", path, r.repo, r.kind)
		}
		if r.kind != noRoute && (!strings.HasPrefix(path, "/v2") && !strings.HasPrefix(path, "/acr/v1/")) {
			t.Errorf("%q matched route %d", path, r.kind)
		}
		if strings.ContainsAny(r.ref, "/ ") || !strings.Contains(path, r.ref) || !strings.Contains(path, r.repo) {
			t.Errorf("%q: reference %q, repository %q", path, r.ref, r.repo)
		}
		if r.kind != noRoute && len(r.kind.methods()) == 0 {
			t.Errorf("%q: route %d takes no method", path, r.kind)
		}
		// No route that reaches content asks for nothing.
		if r.kind != noRoute && r.kind != base {
			for _, m := range r.kind.methods() {
				if len(r.needs(m, "")) == 0 {
					t.Errorf("%q: %s needs no right", path, m)
				}
			}
		}
	})
}

func TestParseRange(t *testing.T) {
	for header, want := range map[string]struct {
		r byteRange
		v rangeVerdict
	}{
		"bytes=0-999":                     {byteRange{0, 417}, rangeServed},
		"bytes=0-0":                       {byteRange{0, 1}, rangeServed},
		"bytes=416-":                      {byteRange{416, 1}, rangeServed},
		"bytes=-5":                        {byteRange{412, 5}, rangeServed},
		"bytes=-1000":                     {byteRange{0, 417}, rangeServed},
		"Bytes = 1-2":                     {byteRange{1, 2}, rangeServed},
		"bytes=417-":                      {v: rangeUnsatisfiable},
		"bytes=-0":                        {v: rangeUnsatisfiable},
		"bytes=2-1":                       {v: rangeUnsatisfiable},
		"bytes=0-1,3-4":                   {},
		"bytes=a-b":                       {},
		"bytes=-":                         {},
		"bytes=+1-2":                      {},
		"items=0-1":                       {},
		"bytes=0-99999999999999999999999": {},
		"":                                {},
	} {
		r, v := parseRange(header, 417)
		if r != want.r || v != want.v {
			t.Errorf("%q: %+v, %d; want %+v, %d", header, r, v, want.r, want.v)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-1", int64(0))
	f.Add("bytes=9223372036854775807-", int64(9223372036854775807))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, v := parseRange(header, size)
		if v == rangeServed && (r.start < 0 || r.length <= 0 || r.start > size-r.length) {
			t.Errorf("%q of %d: %+v", header, size, r)
		}
	})
}

func TestParseContentRange(t *testing.T) {
	for header, want := range map[string]byteRange{
		"0-735":   {0, 736},
		"736-736": {736, 1},
	} {
		if r, ok := parseContentRange(header); !ok || r != want {
			t.Errorf("%q: %+v, %v; want %+v", header, r, ok, want)
		}
	}
	for _, header := range []string{"", "-", "0-", "-5", "5-4", "a-b", "bytes 0-735", "bytes 0-735/736", "bytes 0-735/*", "bytes=0-1", "0-735/736",
		"bytes */5", "-1-2", "-1--1", "0-9223372036854775807", "0 - 1"} {
		if r, ok := parseContentRange(header); ok {
			t.Errorf("%q was read as %+v", header, r)
		}
	}
}

func FuzzParseContentRange(f *testing.F) {
	f.Add("0-735")
	f.Add("bytes 0-735/736")
	f.Fuzz(func(t *testing.T, header string) {
		if r, ok := parseContentRange(header); ok && (r.start < 0 || r.length <= 0 || r.start+r.length < 0) {
			t.Errorf("%q: %+v", header, r)
		}
	})
}
