package route

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
)

const d = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestRegistryPaths(t *testing.T) {
	for path, want := range map[string]Route{
		"/v2":                              {Operation: Base},
		"/v2/":                             {Operation: Base},
		"/v2/_catalog":                     {Operation: Catalog},
		"/v2/a/tags/list":                  {Operation: TagNames, Repo: "a"},
		"/v2/a/b/tags/list":                {Operation: TagNames, Repo: "a/b"},
		"/v2/tags/tags/list":               {Operation: TagNames, Repo: "tags"},
		"/v2/a/manifests/v1":               {Operation: Manifest, Repo: "a", Ref: "v1"},
		"/v2/a/manifests/" + d:             {Operation: Manifest, Repo: "a", Ref: d},
		"/v2/a/manifests/b/manifests/v1":   {Operation: Manifest, Repo: "a/manifests/b", Ref: "v1"},
		"/v2/a/blobs/uploads/manifests/v1": {Operation: Manifest, Repo: "a/blobs/uploads", Ref: "v1"},
		"/v2/a/blobs/" + d:                 {Operation: Blob, Repo: "a", Ref: d},
		"/v2/a/blobs/uploads/":             {Operation: UploadStart, Repo: "a"},
		"/v2/a/blobs/uploads":              {Operation: UploadStart, Repo: "a"},
		"/v2/a/blobs/uploads/e5f6-4e":      {Operation: Upload, Repo: "a", Ref: "e5f6-4e"},
		"/v2/a/referrers/" + d:             {Operation: Referrers, Repo: "a", Ref: d},
		"/acr/v1/_catalog":                 {Operation: ACRCatalog},
		"/acr/v1/a/b":                      {Operation: ACRRepository, Repo: "a/b"},
		"/acr/v1/a/_tags":                  {Operation: ACRTags, Repo: "a"},
		"/acr/v1/a/b/_tags/V1.0_x":         {Operation: ACRTag, Repo: "a/b", Ref: "V1.0_x"},
		"/acr/v1/a/_manifests":             {Operation: ACRManifests, Repo: "a"},
		"/acr/v1/a/_manifests/" + d:        {Operation: ACRManifest, Repo: "a", Ref: d},

		"/": {}, "/v3/": {}, "/v2/a": {}, "/v2//": {}, "/v2/manifests/v1": {}, "/v2//manifests/v1": {},
		"/v2/A/manifests/v1": {}, "/v2/a b/manifests/v1": {}, "/v2/a/manifests/": {}, "/v2/a/manifests/.x": {},
		"/v2/../a/manifests/v1": {}, "/v2/a//b/manifests/v1": {}, "/v2/a/blobs/wrong digest": {},
		"/v2/a/blobs/sha256:short": {},
		"/v2/a/blobs/uploads/x/y":  {}, "/v2/a/tags/list/": {}, "/v2/a/tags": {}, "/acr/v1": {}, "/acr/v1/": {},
		"/acr/v1/a/":       {},
		"/acr/v1/a/_tags/": {}, "/acr/v1/a/_tags/x/y": {}, "/acr/v1/Nonexistent/_tags/x": {}, "/acr/v1/_tags": {},
		"/acr/v1/a/_manifests/v1": {}, "/v2/" + strings.Repeat("a", 256) + "/tags/list": {},
	} {
		switch {
		case path == "/v2" || strings.HasPrefix(path, "/v2/"):
			want.Service = Registry
		case strings.HasPrefix(path, "/acr/v1/"):
			want.Service = ACR
		}
		if diff := cmp.Diff(want, of("GET", path), cmp.AllowUnexported(Route{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if got := of("PUT", "/v2/a/manifests/sha256:bad"); got.Operation != Manifest {
		t.Errorf("putting a manifest under a malformed digest is operation %d", got.Operation)
	}
}

func FuzzOf(f *testing.F) {
	for _, s := range []string{"/v2/", "/v2/a/manifests/v1", "/v2/a/blobs/uploads/x", "/acr/v1/a/_tags/b",
		"/v2/a/../b/tags/list", "/acr/v1/a/_manifests/" + d} {
		f.Add("GET", s)
		f.Add("PUT", s)
	}
	for _, s := range []string{"/Subscriptions/x", "/t/oauth2/token", "/oauth2/token", control.Prefix + "clock"} {
		f.Add("POST", s)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r := of(method, path)
		r.method = method
		if r.Service != Registry && r.Service != ACR {
			if r.Repo != "" || r.Ref != "" || len(r.Needs()) > 0 || len(r.Methods()) > 0 {
				t.Errorf("%q is no path of a registry: %+v", path, r)
			}
			if (r.Class() == "") != (r.Service == Nothing || r.Service == Control) {
				t.Errorf("%q: service %d has the class %q", path, r.Service, r.Class())
			}
			return
		}
		hasName := r.Operation != None && r.Operation != Base && r.Operation != Catalog && r.Operation != ACRCatalog
		if hasName != (r.Repo != "") || hasName && acrkit.CheckRepositoryName(r.Repo) != nil {
			t.Errorf("%q: repository %q of operation %d", path, r.Repo, r.Operation)
		}
		if !strings.HasPrefix(path, "/v2") && !strings.HasPrefix(path, "/acr/v1/") {
			t.Errorf("%q matched operation %d", path, r.Operation)
		}
		if strings.ContainsAny(r.Ref, "/ ") || !strings.Contains(path, r.Ref) || !strings.Contains(path, r.Repo) {
			t.Errorf("%q: reference %q, repository %q", path, r.Ref, r.Repo)
		}
		if r.Operation == None {
			if r.Class() != "" {
				t.Errorf("%q has no operation and the class %q", path, r.Class())
			}
			return
		}
		if len(r.Methods()) == 0 || r.Class() == "" {
			t.Errorf("%q: operation %d has no method or class", path, r.Operation)
		}
		// No operation that reaches content asks for nothing.
		if r.Operation != Base {
			for _, m := range r.Methods() {
				if r.method = m; len(r.Needs()) == 0 {
					t.Errorf("%q: %s needs no right", path, m)
				}
			}
		}
	})
}
