package dataplane_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRequestIDs holds which answers have ids of the request: those under /v2 to
// who may ask, and under /acr/v1 those to DELETE.
func TestRequestIDs(t *testing.T) {
	s := serve(t, setup{})
	d := s.image("r", "v1")
	layer := s.blob("r", "text")
	const body = `{"readEnabled":true}`
	for _, c := range []struct {
		method, path, body string
		status             int
		ids                bool
	}{
		{"GET", "/v2/", "", 200, true},
		{"GET", "/v2/_catalog", "", 200, true},
		{"GET", "/v2/r/tags/list", "", 200, true},
		{"GET", "/v2/r/manifests/v1", "", 200, true},
		{"HEAD", "/v2/r/manifests/" + d, "", 200, true},
		{"GET", "/v2/r/manifests/no", "", 404, true},
		{"PUT", "/v2/r/manifests/v1", "{", 400, true},
		{"GET", "/v2/r/blobs/" + layer, "", 200, true},
		{"HEAD", "/v2/r/blobs/" + layer, "", 200, true},
		{"GET", "/v2/r/blobs/" + unknown, "", 404, true},
		{"POST", "/v2/r/blobs/uploads/", "", 202, true},
		{"GET", "/v2/r/referrers/" + d, "", 200, true},
		{"DELETE", "/v2/r/blobs/" + layer, "", 202, true},
		{"DELETE", "/v2/r/manifests/v1", "", 405, true},
		{"DELETE", "/v2/r/manifests/" + unknown, "", 404, true},
		{"GET", "/acr/v1/_catalog", "", 200, false},
		{"GET", "/acr/v1/r", "", 200, false},
		{"PATCH", "/acr/v1/r", body, 200, false},
		{"GET", "/acr/v1/r/_tags", "", 200, false},
		{"GET", "/acr/v1/r/_tags/v1", "", 200, false},
		{"GET", "/acr/v1/r/_tags/no", "", 404, false},
		{"PATCH", "/acr/v1/r/_tags/v1", body, 200, false},
		{"GET", "/acr/v1/r/_manifests", "", 200, false},
		{"PATCH", "/acr/v1/r/_manifests/" + d, body, 200, false},
		{"DELETE", "/acr/v1/r/_tags/no", "", 404, true},
		{"DELETE", "/acr/v1/r/_tags/v1", "", 202, true},
		{"DELETE", "/acr/v1/r", "", 202, true},
		{"DELETE", "/acr/v1/r", "", 404, true},
		{"POST", "/acr/v1/_catalog", "", 405, false},
		{"GET", "/v2/R/tags/list", "", 404, false},
		{"DELETE", "/acr/v1/R", "", 404, false},
	} {
		for _, sent := range []string{"mine", ""} {
			if sent == "" && c.method == http.MethodDelete && c.status == 202 {
				continue // it is gone
			}
			a := s.do(c.method, c.path, c.body, "X-Ms-Client-Request-Id: "+sent)
			s.want(a, c.status, "*")
			var want []string
			if c.ids {
				want = []string{sent}
			}
			if diff := cmp.Diff(want, a.header["X-Ms-Client-Request-Id"]); diff != "" {
				t.Errorf("%s %s: X-Ms-Client-Request-Id (-want +got):\n%s", c.method, c.path, diff)
			}
			if got := a.header["X-Ms-Request-Id"]; (len(got) == 1 && len(got[0]) == 36) != c.ids {
				t.Errorf("%s %s: X-Ms-Request-Id %q", c.method, c.path, got)
			}
		}
	}
}
