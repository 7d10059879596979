package operation

import (
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		method, url string
		want        string // what is written anew; "" if it is refused
		scope       string
	}{
		{"GET", "/v2", "/v2/", ""},
		{"HEAD", "/v2/", "/v2/", ""},
		{"GET", "/v2/?x=1", "/v2/", ""},
		{"POST", "/v2/", "", ""},
		{"GET", "/v2/_catalog?n=2&last=a/b&ns=docker.io", "/v2/_catalog?last=a%2Fb&n=2", "registry:catalog:*"},
		{"GET", "/acr/v1/_catalog?api-version=2021-07-01&orderby=",
			"/acr/v1/_catalog?api-version=2021-07-01", "registry:catalog:*"},
		{"GET", "/v2/a%2Fb/tags/list?n=1", "/v2/a/b/tags/list?n=1", "repository:a/b:metadata_read"},
		{"GET", "/v2/a/manifests/v1?ns=docker.io", "/v2/a/manifests/v1", "repository:a:pull"},
		{"PUT", "/v2/a/manifests/" + digest, "/v2/a/manifests/" + digest, "repository:a:pull,push"},
		{"DELETE", "/v2/a/manifests/v1", "/v2/a/manifests/v1", "repository:a:delete"},
		{"PATCH", "/v2/a/manifests/v1", "", ""},
		{"GET", "/v2/a/manifests/.v1", "", ""},
		{"GET", "/v2/a/manifests/sha256:00", "", ""},
		{"HEAD", "/v2/a/blobs/" + digest, "/v2/a/blobs/" + digest, "repository:a:pull"},
		{"GET", "/v2/a/blobs/uploads", "", ""},
		{"PUT", "/v2/a/blobs/" + digest, "", ""},
		{"GET", "/v2/a/referrers/" + digest + "?artifactType=x", "/v2/a/referrers/" + digest +
			"?artifactType=x", "repository:a:pull"},
		// Uploads.
		{"POST", "/v2/a/blobs/uploads", "/v2/a/blobs/uploads/", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?digest=" + digest, "/v2/a/blobs/uploads/?digest=" + url.QueryEscape(digest),
			"repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?digest=sha256:00", "", ""},
		{"POST", "/v2/a/blobs/uploads/?mount=" + digest + "&from=b/c", "/v2/a/blobs/uploads/?from=b%2Fc&mount=" +
			url.QueryEscape(digest), "repository:a:pull,push repository:b/c:pull"},
		{"POST", "/v2/a/blobs/uploads/?mount=" + digest, "/v2/a/blobs/uploads/", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?from=b", "/v2/a/blobs/uploads/", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?mount=x&from=b", "", ""},
		{"POST", "/v2/a/blobs/uploads/?mount=" + digest + "&from=B", "", ""},
		{"POST", "/v2/a/blobs/uploads/?mount=" + digest + "&from=b&from=c", "", ""},
		{"POST", "/v2/a/blobs/uploads/?mount=" + digest + ";from=b", "", ""},
		{"POST", "/v2/a/blobs/uploads/id", "", ""},
		{"PATCH", "/v2/a/blobs/uploads/id?_state=x", "/v2/a/blobs/uploads/id?_state=x", "repository:a:pull,push"},
		{"PATCH", "/v2/a/blobs/uploads/", "", ""},
		{"PATCH", "/v2/a/blobs/uploads/..", "", ""},
		{"PUT", "/v2/a/blobs/uploads/id?digest=" + digest + "&digest=" + digest, "", ""},
		{"DELETE", "/v2/a/blobs/uploads/id", "/v2/a/blobs/uploads/id", "repository:a:delete"},
		// Metadata.
		{"GET", "/acr/v1/a%2Fb", "/acr/v1/a/b", "repository:a/b:metadata_read"},
		{"GET", "/acr/v1/a/_tags?n=2&digest=" + digest, "/acr/v1/a/_tags?digest=" + url.QueryEscape(digest) + "&n=2",
			"repository:a:metadata_read"},
		{"PATCH", "/acr/v1/a/_tags/v1", "/acr/v1/a/_tags/v1", "repository:a:metadata_write"},
		{"PATCH", "/acr/v1/a/_tags", "", ""},
		{"DELETE", "/acr/v1/a/_tags/v1", "/acr/v1/a/_tags/v1", "repository:a:delete"},
		{"DELETE", "/acr/v1/a", "/acr/v1/a", "repository:a:delete"},
		{"GET", "/acr/v1/a/_manifests/" + digest, "/acr/v1/a/_manifests/" + digest, "repository:a:metadata_read"},
		{"GET", "/acr/v1/a/_tags/v1/x", "", ""},
		{"GET", "/acr/v1/a/_tags/", "", ""},
		{"PUT", "/acr/v1/a", "", ""},
		// Ways to name something else than is decided on.
		{"GET", "/v2/a/../b/manifests/v1", "", ""},
		{"GET", "/v2/a/%2e%2e/b/manifests/v1", "", ""},
		{"GET", "/v2/a/./manifests/v1", "", ""},
		{"GET", "/v2//a/manifests/v1", "", ""},
		{"GET", "//v2/a/manifests/v1", "", ""},
		{"GET", "/v2/a%252Fb/manifests/v1", "", ""},
		{"GET", "/v2/a%00/manifests/v1", "", ""},
		{"GET", "/v2/a%0d%0a/manifests/v1", "", ""},
		{"GET", "/v2/a/manifests/v1%2f..", "", ""},
		{"GET", "/v2/a/manifests/v1/", "", ""},
		{"GET", "/v2/a;b/manifests/v1", "", ""},
		{"GET", "/V2/a/manifests/v1", "", ""},
		{"GET", "/v2/a\\b/manifests/v1", "", ""},
		{"get", "/v2/a/manifests/v1", "", ""},
		{"GET", "/v2/a/tags/list?n=1;last=b", "", ""},
		{"GET", "/v2/a/tags/list?n=%zz", "", ""},
		{"GET", "/v2/a/tags/list?n=1&n=2", "", ""},
		{"GET", "/v2/a/tags/list?last=" + strings.Repeat("a", MaxQuery), "", ""},
		{"GET", "/oauth2/token", "", ""},
		{"GET", "/", "", ""},
		{"OPTIONS", "/v2/a/manifests/v1", "", ""},
	} {
		t.Run(tt.method+" "+tt.url[:min(len(tt.url), 80)], func(t *testing.T) {
			u, err := url.ParseRequestURI(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			r, ok := Parse(tt.method, u)
			got := ""
			if ok {
				got = r.URI()
			}
			if got != tt.want || r.Scope.String() != tt.scope {
				t.Errorf("got %q for %q, want %q for %q", got, r.Scope, tt.want, tt.scope)
			}
		})
	}
}

func TestHasBody(t *testing.T) {
	for text, want := range map[string]bool{
		"GET /v2/a/manifests/v1":                       false,
		"PUT /v2/a/manifests/v1":                       true,
		"DELETE /v2/a/manifests/v1":                    false,
		"POST /v2/a/blobs/uploads/":                    false,
		"POST /v2/a/blobs/uploads/?digest=" + digest:   true,
		"PATCH /v2/a/blobs/uploads/id":                 true,
		"PUT /v2/a/blobs/uploads/id?digest=" + digest:  true,
		"PATCH /acr/v1/a":                              true,
		"GET /acr/v1/a":                                false,
		"POST /v2/a/blobs/uploads/?mount=x&digest=":    false,
		"POST /v2/a/blobs/uploads/?from=b&mount=&x=y1": false,
	} {
		method, target, _ := strings.Cut(text, " ")
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := Parse(method, u); !ok && want || r.HasBody() != want {
			t.Errorf("%s: %t, %t", text, ok, r.HasBody())
		}
	}
}

// What is read and written anew is read as the same; it needs what auth derives for
// it; and nothing of it needs escaping or cleaning, so that no server in between
// reads another path.
func FuzzParse(f *testing.F) {
	for _, p := range []string{"/v2/", "/v2/_catalog?n=1", "/v2/a/b/manifests/v1", "/v2/a%2Fb/blobs/" + digest,
		"/v2/a/blobs/uploads/?mount=" + digest + "&from=b",
		"/v2/a/blobs/uploads/x?_state=y&digest=" + digest, "/acr/v1/a/_tags/v1", "/acr/v1/a/_manifests?orderby=timeasc",
		"/v2/a/../b/manifests/x", "/v2/a/manifests/%2e%2e", "/v2/a//b/tags/list", "/v2/a/tags/list?n=1;last=x"} {
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			f.Add(m, p)
		}
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r, ok := Parse(method, u)
		if !ok {
			if r.Op != Unknown || !r.Scope.IsEmpty() {
				t.Fatalf("refused, and yet %+v", r)
			}
			return
		}
		again, err := url.ParseRequestURI(r.URI())
		if err != nil {
			t.Fatal(err)
		}
		if again.RawPath != "" || again.Path != r.Path() || strings.Contains(again.Path, "//") ||
			strings.Contains(again.Path+"/", "/./") || strings.Contains(again.Path+"/", "/../") {
			t.Fatalf("%q is written as %q", target, r.URI())
		}
		same, ok := Parse(method, again)
		if !ok || same.URI() != r.URI() || same.Op != r.Op || !same.Scope.Equal(r.Scope) || !same.SameResource(r) {
			t.Fatalf("%q is written as %q and read as %+v", target, r.URI(), same)
		}
		if derived := RequiredFor(method, again); derived.Op != r.Op || !derived.Scope.Equal(r.Scope) ||
			derived.Repository != r.Repository {
			t.Fatalf("%q needs %q, and %q is derived", r.URI(), r.Scope, derived.Scope)
		}
		if r.Repository != "" && acrkit.CheckRepositoryName(r.Repository) != nil {
			t.Fatalf("%q has the repository %q", target, r.Repository)
		}
	})
}
