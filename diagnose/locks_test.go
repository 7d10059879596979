package diagnose_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/registry"
)

// TestExplain_finds_the_lock: a lock is named only if it forbids the request, wherever it
// is, and the fix allows what was refused.
func TestExplain_finds_the_lock(t *testing.T) {
	const repo = "samples/app"
	off := false
	locks := map[string]registry.AttributeChange{"delete": {Delete: &off}, "write": {Write: &off}, "read": {Read: &off},
		"list": {List: &off}}
	for _, tc := range []struct {
		name, method, target string // target: "tag", "digest", ""
		item, lock           string // what is locked against what
		fix                  string // "" = no lock is named
	}{
		{"tag", http.MethodDelete, "tag", "tag", "delete", "tag unlock HOST/samples/app:v1"},
		{"tag against writing", http.MethodDelete, "tag", "tag", "write", "tag unlock HOST/samples/app:v1"},
		{"manifest by its tag", http.MethodDelete, "digest", "tag", "delete", "tag unlock HOST/samples/app:v1"},
		{"manifest", http.MethodDelete, "digest", "manifest", "write", "manifest unlock HOST/samples/app@DIGEST"},
		{"repository by a tag", http.MethodDelete, "", "tag", "delete", "tag unlock HOST/samples/app:v1"},
		{"repository by a manifest", http.MethodDelete, "", "manifest", "delete",
			"manifest unlock HOST/samples/app@DIGEST"},
		{"repository", http.MethodDelete, "", "repository", "delete", "repo unlock HOST/samples/app"},
		{"pull", http.MethodGet, "tag", "manifest", "read", "manifest unlock HOST/samples/app@DIGEST --read"},
		{"pull of a tag", http.MethodGet, "tag", "tag", "read", "tag unlock HOST/samples/app:v1 --read"},
		{"pull from a repository", http.MethodGet, "tag", "repository", "read", "repo unlock HOST/samples/app --read"},
		{"push", http.MethodPut, "tag", "tag", "write", "tag unlock HOST/samples/app:v1"},
		{"a lock against deleting forbids no pull", http.MethodGet, "tag", "tag", "delete", ""},
		{"a lock against reading forbids no delete", http.MethodDelete, "tag", "tag", "read", ""},
		{"a lock against listing forbids nothing", http.MethodDelete, "tag", "tag", "list", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := acrtest.NewRegistry(t, nil)
			image := reg.Push(repo, "v1")
			cred := reg.Token("all-rights", "repositories/*/content/delete", "repositories/*/metadata/read",
				"repositories/*/metadata/write").Credential()
			c, ctx := reg.Client(cred), context.Background()
			var err error
			switch tc.item {
			case "tag":
				_, err = c.UpdateTag(ctx, repo, "v1", locks[tc.lock])
			case "manifest":
				_, err = c.UpdateManifest(ctx, repo, image.Digest, locks[tc.lock])
			default:
				_, err = c.UpdateRepository(ctx, repo, locks[tc.lock])
			}
			if err != nil {
				t.Fatal(err)
			}
			host, err := acrkit.ParseRegistry(reg.Host())
			if err != nil {
				t.Fatal(err)
			}
			path := "/acr/v1/" + repo
			if tc.method == http.MethodPut {
				path = "/v2/" + repo + "/manifests/v1"
			}
			target := map[string]string{"tag": "v1", "digest": image.Digest}[tc.target]
			d, err := diagnose.Explain(ctx, diagnose.Attempt{Registry: host, Target: target,
				Transport: reg.Transport(cred), Err: &acrkit.Error{Code: acrkit.CodeLocked, Registry: host,
					Status: http.StatusMethodNotAllowed, Method: tc.method, URL: reg.URL() + path}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tc.fix == "" {
				if d.Confidence == diagnose.Proved {
					t.Errorf("%s is proved: %q", d.Code, d.Evidence)
				}
				return
			}
			fix := "acrkit " + strings.NewReplacer("HOST", reg.Host(), "DIGEST", image.Digest).Replace(tc.fix)
			if d.Confidence != diagnose.Proved || d.Fix != fix {
				t.Errorf("%s %s: %s, want %s; %q", d.Confidence, d.Code, d.Fix, fix, d.Evidence)
			}
		})
	}
}

// TestExplain_looks_through_a_page: of a repository's tags, the first thousand are looked
// through for a lock.
func TestExplain_looks_through_a_page(t *testing.T) {
	const repo = "samples/app"
	reg := acrtest.NewRegistry(t, nil)
	var tags []string
	for i := range 1001 {
		tags = append(tags, fmt.Sprintf("t%04d", i))
	}
	reg.Push(repo, tags...)
	cred := reg.Token("all-rights", "repositories/*/content/delete", "repositories/*/metadata/read",
		"repositories/*/metadata/write").Credential()
	c := reg.Client(cred)
	locked := func(tag string, off bool) {
		t.Helper()
		if _, err := c.UpdateTag(t.Context(), repo, tag, registry.AttributeChange{Delete: &off}); err != nil {
			t.Fatal(err)
		}
	}
	for tag, want := range map[string]bool{"t0999": true, "t1000": false} {
		locked(tag, false)
		_, refusal := c.DeleteRepository(t.Context(), repo)
		d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Err: refusal, Transport: reg.Transport(cred)}, nil)
		if err != nil || (d.Confidence == diagnose.Proved) != want || strings.HasSuffix(d.Fix, ":"+tag) != want {
			t.Errorf("%s: %s %s, %v", tag, d.Confidence, d.Fix, err)
		}
		locked(tag, true)
	}
}
