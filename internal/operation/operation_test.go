package operation

import (
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

func TestRequiredFor(t *testing.T) {
	tests := []struct{ method, url, want string }{
		{"GET", "/v2/", ""},
		{"GET", "/v2", ""},
		{"GET", "/v2/_catalog?n=100", "registry:catalog:*"},
		{"GET", "/acr/v1/_catalog", "registry:catalog:*"},
		{"POST", "/acr/v1/_catalog", ""},
		{"GET", "/v2/a/b/manifests/v1", "repository:a/b:pull"},
		{"HEAD", "/v2/a/b/manifests/sha256:00", "repository:a/b:pull"},
		{"GET", "/v2/a%2Fb/manifests/v1", "repository:a/b:pull"},
		{"PUT", "/v2/a%2fb/manifests/v1", "repository:a/b:pull,push"},
		{"DELETE", "/v2/a/b/manifests/sha256:00", "repository:a/b:delete"},
		{"PATCH", "/v2/a/b/manifests/v1", ""},
		{"GET", "/v2/a/blobs/sha256%3A00", "repository:a:pull"},
		{"HEAD", "/v2/a/blobs/sha256:00", "repository:a:pull"},
		{"DELETE", "/v2/a/blobs/sha256:00", "repository:a:delete"},
		{"POST", "/v2/a/blobs/uploads/", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?digest=sha256:00", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?mount=sha256:00&from=x%2Fy", "repository:a:pull,push repository:x/y:pull"},
		{"POST", "/v2/a/blobs/uploads/?mount=sha256:00&from=a", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?mount=sha256:00&from=UPPER:x", "repository:a:pull,push"},
		{"POST", "/v2/a/blobs/uploads/?from=x", "repository:a:pull,push"},
		{"PATCH", "/v2/a/blobs/uploads/uuid?_state=x", "repository:a:pull,push"},
		{"PUT", "/v2/a/blobs/uploads/uuid?digest=sha256:00", "repository:a:pull,push"},
		{"GET", "/v2/a/blobs/uploads/uuid", "repository:a:pull,push"},
		{"DELETE", "/v2/a/blobs/uploads/uuid", "repository:a:delete"},
		{"GET", "/v2/a/tags/list", "repository:a:metadata_read"},
		{"GET", "/v2/a/referrers/sha256:00", "repository:a:pull"},
		// Names with the marks as parts.
		{"GET", "/v2/manifests/manifests/v1", "repository:manifests:pull"},
		{"GET", "/v2/a/blobs/uploads/manifests/v1", "repository:a/blobs/uploads:pull"},
		{"GET", "/v2/a/tags/list/manifests/v1", "repository:a/tags/list:pull"},
		{"GET", "/v2/a/manifests/v1/tags/list", "repository:a/manifests/v1:metadata_read"},
		{"POST", "/v2/blobs/uploads/blobs/uploads/", "repository:blobs/uploads:pull,push"},
		{"GET", "/acr/v1/a/b", "repository:a/b:metadata_read"},
		{"GET", "/acr/v1/a%2Fb?api-version=2021-07-01", "repository:a/b:metadata_read"},
		{"PATCH", "/acr/v1/a", "repository:a:metadata_write"},
		{"DELETE", "/acr/v1/a", "repository:a:delete"},
		{"GET", "/acr/v1/a/_tags", "repository:a:metadata_read"},
		{"GET", "/acr/v1/a/_tags/v1", "repository:a:metadata_read"},
		{"PATCH", "/acr/v1/a/_tags/v1", "repository:a:metadata_write"},
		{"DELETE", "/acr/v1/a/_tags/v1", "repository:a:delete"},
		{"GET", "/acr/v1/a/_manifests?n=1000", "repository:a:metadata_read"},
		{"PATCH", "/acr/v1/a/_manifests/sha256:00", "repository:a:metadata_write"},
		{"PUT", "/acr/v1/a", ""},
		{"GET", "/acr/v1/a/_tagsx", ""},
		// No repository names: answered 404 before authentication.
		{"GET", "/v2/UPPER/manifests/v1", ""},
		{"GET", "/v2/a:b/manifests/v1", ""},
		{"GET", "/v2/a%252Fb/manifests/v1", ""},
		{"GET", "/v2/a%20repository:x/manifests/v1", ""},
		{"GET", "/v2//manifests/v1", ""},
		{"GET", "/v2/a/manifests/", ""},
		{"GET", "/other", ""},
		{"GET", "/", ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.url, func(t *testing.T) {
			u, err := url.Parse("https://myregistry.azurecr.io" + tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := RequiredFor(tt.method, u).Scope.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What is derived is a scope of the wire, on valid names, and the same whether a
// slash in the path is escaped or not.
func FuzzRequiredFor(f *testing.F) {
	for _, p := range []string{"a/b/manifests/v1", "a/blobs/uploads/u", "a/tags/list", "a%2Fb/_tags/x",
		"a/blobs/uploads/?mount=x&from=b", "%", "a b", "a/_manifests"} {
		f.Add("GET", p)
		f.Add("POST", p)
	}
	f.Fuzz(func(t *testing.T, method, rest string) {
		for _, prefix := range []string{"/v2/", "/acr/v1/"} {
			u, err := url.Parse("https://r" + prefix + rest)
			if err != nil {
				return
			}
			r := RequiredFor(method, u)
			escaped := *u
			escaped.Path = u.Path
			escaped.RawPath = prefix + strings.ReplaceAll(strings.TrimPrefix(u.EscapedPath(), prefix), "/", "%2F")
			if again, err := url.Parse(escaped.String()); err == nil && again.Path == u.Path {
				if other := RequiredFor(method, again); other.Scope.String() != r.Scope.String() || other.Op != r.Op {
					t.Fatalf("%s: %q, escaped: %q", u, r.Scope, other.Scope)
				}
			}
			parsed, err := acrkit.ParseScope(r.Scope.String())
			if err != nil || !parsed.Equal(r.Scope) {
				t.Fatalf("%s: derived %q: %v", u, r.Scope, err)
			}
			for a := range r.Scope.All() {
				if a.Type == "repository" && acrkit.CheckRepositoryName(a.Name) != nil {
					t.Fatalf("%s: derived %q", u, r.Scope)
				}
			}
			if r.Repository != "" && !strings.Contains(u.Path, r.Repository) {
				t.Fatalf("%s: name %q", u, r.Repository)
			}
		}
	})
}
