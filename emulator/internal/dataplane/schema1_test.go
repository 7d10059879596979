package dataplane_test

import "testing"

// TestSchema1 pushes Docker's schema 1 under each of its types.
func TestSchema1(t *testing.T) {
	s := serve(t, setup{})
	s.image("r", "v1")
	manifest := `{"schemaVersion":1,"name":"r","tag":"old","architecture":"amd64","fsLayers":[{"blobSum":"` +
		s.blob("r", "layer") + `"}],"history":[{"v1Compatibility":"{}"}],"signatures":[]}`
	for _, mediaType := range []string{"application/vnd.docker.distribution.manifest.v1+prettyjws",
		"application/vnd.docker.distribution.manifest.v1+json", "application/json", ""} {
		s.want(s.do("PUT", "/v2/r/manifests/old", manifest, "Content-Type: "+mediaType), 400,
			errorBody("MANIFEST_INVALID", "manifest invalid", `{"Reason":{}}`))
	}
	s.want(s.do("GET", "/v2/r/manifests/old", ""), 404, "*")
}
