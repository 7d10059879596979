package interop

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestSDKPages lists in the order of time with each of Microsoft's clients, two items a page: the same items as on one
// page, in the same order. A repository without tags has none, and is no error. Two of the clients ask for the tags of
// a digest, and follow a Link without it: the tag "other", of another digest, is on their second page too.
func TestSDKPages(t *testing.T) {
	const repository = "apps/pages"
	server := sdkEmulatorWith(t, `
      - {name: apps/pages, images: [{tags: [other]}, {tags: [v1, v2, v3], platforms: [linux/amd64, linux/arm64]}]}
      - {name: apps/untagged, images: [{}]}
`)
	for _, s := range sdks {
		t.Run(s.title, func(t *testing.T) {
			t.Parallel() // most of the time Java starts
			p := s.ready(t)
			auth := bearer(server.accessToken(t, approver, "repository:"+repository+":pull,push,metadata_read"))
			list := func(query string) (names []string) {
				t.Helper()
				a := server.mustSend(t, http.MethodGet, "/acr/v1/"+repository+query, auth, nil)
				var body struct {
					Tags, Manifests []struct{ Name, Digest string }
				}
				if err := json.Unmarshal(a.body, &body); err != nil || a.header.Get("Link") != "" {
					t.Fatalf("%v: %d %s", err, a.status, a.body)
				}
				for _, tag := range body.Tags {
					names = append(names, tag.Name)
				}
				for _, manifest := range body.Manifests {
					names = append(names, manifest.Digest)
				}
				return names
			}
			tags, manifests := list("/_tags?orderby=timedesc"), list("/_manifests?orderby=timeasc")
			if len(tags) < 3 || len(manifests) < 3 {
				t.Fatalf("tags %q, manifests %q: too few for two pages", tags, manifests)
			}
			var want []string
			for page := range slices.Chunk(tags, 2) {
				want = append(want, "tags: "+strings.Join(page, " "))
			}
			for page := range slices.Chunk(manifests, 2) {
				want = append(want, "manifests: "+strings.Join(page, " "))
			}
			want = append(want, "other tags: 0")
			command := p.javaTrust(t, server, p.command(p.dir, p.installed, "pages"))
			out := execute(t, server.principal(t, sdkClient, sdkSecret),
				append(command, server.url, repository, "apps/untagged", "v1")...)
			var got []string
			for line := range strings.Lines(out.stdout) {
				got = append(got, strings.TrimSpace(line))
			}
			if out.code != 0 || !slices.Equal(got, want) {
				t.Errorf("ended with %d:\n%s\nwant\n%s", out.code, out, strings.Join(want, "\n"))
			}
		})
	}
}
