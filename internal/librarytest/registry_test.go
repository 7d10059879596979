package librarytest_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/registry"
)

// TestClient_against_the_emulator walks the API from listing to deleting, with a
// credential that has every right, against an implementation that shares no code
// with the client.
func TestClient_against_the_emulator(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("team/app", "v1", "v2")
	reg.Push("team/other", "v1")
	admin := reg.Token("admin", "repositories/*/content/read", "repositories/*/content/delete",
		"repositories/*/metadata/read", "repositories/*/metadata/write")
	c, err := registry.New(reg.Host(), reg.Transport(admin.Credential()), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()

	if diff := cmp.Diff([]string{"team/app", "team/other"}, names(t, c)); diff != "" {
		t.Error(diff)
	}
	var tags []registry.Tag
	for tag, err := range c.Tags(ctx, "team/app", nil) {
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
	if len(tags) != 2 || tags[0].Name != "v1" || !acrkit.IsDigest(tags[0].Digest) || tags[0].CreatedTime.IsZero() {
		t.Fatalf("%+v", tags)
	}
	p, err := c.Repository(ctx, "team/app")
	if err != nil || p.Name != "team/app" || p.TagCount != 2 || p.ManifestCount < 1 || !p.Attributes.Delete {
		t.Errorf("%+v, %v", p, err)
	}
	m, err := c.Manifest(ctx, "team/app", tags[0].Digest)
	if err != nil || !slices.Contains(m.Tags, "v1") || m.MediaType == "" {
		t.Errorf("%+v, %v", m, err)
	}
	content, err := c.ManifestContent(ctx, "team/app", "v1")
	if err != nil || content.Digest != tags[0].Digest || content.MediaType != m.MediaType {
		t.Errorf("%+v, %v", content, err)
	}

	off, on := false, true
	if tag, err := c.UpdateTag(ctx, "team/app", "v1", registry.AttributeChange{Delete: &off}); err != nil ||
		tag.Attributes.Delete || !tag.Attributes.Write {
		t.Errorf("%+v, %v", tag, err)
	}
	if err := c.DeleteTag(ctx, "team/app", "v1"); !errors.Is(err, acrkit.CodeLocked) {
		t.Errorf("a locked tag: %v", err)
	}
	if _, err := c.UpdateTag(ctx, "team/app", "v1", registry.AttributeChange{Delete: &on}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteTag(ctx, "team/app", "v1"); err != nil {
		t.Error(err)
	}
	if _, err := c.Tag(ctx, "team/app", "v1"); !errors.Is(err, acrkit.CodeNotFound) {
		t.Errorf("a deleted tag: %v", err)
	}
	if m, err := c.UpdateManifest(ctx, "team/app", tags[1].Digest, registry.AttributeChange{Write: &off}); err != nil ||
		m.Attributes.Write {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := c.UpdateManifest(ctx, "team/app", tags[1].Digest, registry.AttributeChange{Write: &on}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteManifest(ctx, "team/app", tags[1].Digest); err != nil {
		t.Error(err)
	}
	if p, err := c.UpdateRepository(ctx, "team/other", registry.AttributeChange{List: &off}); err != nil ||
		p.Attributes.List {
		t.Errorf("%+v, %v", p, err)
	}
	if gone, err := c.DeleteRepository(ctx, "team/other"); err != nil || len(gone.Manifests) == 0 ||
		!slices.Equal(gone.Tags, []string{"v1"}) {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := c.Repository(ctx, "team/other"); !errors.Is(err, acrkit.CodeNotFound) {
		t.Errorf("a deleted repository: %v", err)
	}
}

func names(t *testing.T, c *registry.Client) []string {
	t.Helper()
	var out []string
	for name, err := range c.Repositories(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

// TestClient_denied_by_scope_map checks what a refusal carries: the right that
// was missing, what was granted, and whose token it was.
func TestClient_denied_by_scope_map(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("team/app", "v1")
	puller := reg.Token("puller", "repositories/team/app/content/read")
	c, err := registry.New(reg.Host(), reg.Transport(puller.Credential()), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Repository(t.Context(), "team/app")
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeInsufficientScope || e.Status != 401 || e.RequestID == "" {
		t.Fatalf("%+v", err)
	}
	if want := acrkit.RepositoryScope("team/app", acrkit.MetadataRead); !e.Required.Equal(want) {
		t.Errorf("required %s, want %s", e.Required, want)
	}
	if e.Granted == nil || !e.Granted.IsEmpty() {
		t.Errorf("granted %v, want the empty scope", e.Granted)
	}
	if _, err := c.ManifestContent(t.Context(), "team/app", "v1"); err != nil {
		t.Errorf("what is granted: %v", err)
	}
}

// TestClient_pages_of_the_emulator reads lists in pages of each size: by name, by
// time, and those of a digest.
func TestClient_pages_of_the_emulator(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	digest := reg.Push("team/app", "c", "a", "e", "b", "d").Digest
	reg.Push("team/app", "other")
	token := reg.Token("reader", "repositories/team/app/metadata/read")
	pages := &pager{base: reg.Transport(token.Credential())}
	c, err := registry.New(reg.Host(), pages, nil)
	if err != nil {
		t.Fatal(err)
	}
	tags := func(opts *registry.ListOptions) (out []string) {
		t.Helper()
		for tag, err := range c.Tags(t.Context(), "team/app", opts) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, tag.Name)
		}
		return out
	}
	manifests := func(opts *registry.ListOptions) (out []string) {
		t.Helper()
		for m, err := range c.Manifests(t.Context(), "team/app", opts) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m.Digest)
		}
		return out
	}
	for _, order := range []registry.Order{registry.OrderDefault, registry.OrderOldestFirst,
		registry.OrderNewestFirst} {
		whole := registry.ListOptions{Order: order}
		filtered := registry.ListOptions{Order: order, Digest: digest}
		wantTags, wantOf, wantManifests := tags(&whole), tags(&filtered), manifests(&whole)
		if len(wantTags) != 6 || len(wantOf) != 5 || slices.Contains(wantOf, "other") || len(wantManifests) < 2 {
			t.Fatalf("%q: %q, of the digest %q, manifests %q", order, wantTags, wantOf, wantManifests)
		}
		for n := 1; n <= 6; n++ {
			pages.size, pages.asked = n, 0
			if diff := cmp.Diff(wantTags, tags(&whole)); diff != "" {
				t.Errorf("%q, pages of %d (-want +got):\n%s", order, n, diff)
			}
			if diff := cmp.Diff(wantOf, tags(&filtered)); diff != "" {
				t.Errorf("%q, of a digest, pages of %d (-want +got):\n%s", order, n, diff)
			}
			if diff := cmp.Diff(wantManifests, manifests(&whole)); diff != "" {
				t.Errorf("%q, manifests, pages of %d (-want +got):\n%s", order, n, diff)
			}
			if want := (6+n-1)/n + (5+n-1)/n; pages.asked < want {
				t.Errorf("%q, pages of %d: %d requests, want at least %d", order, n, pages.asked, want)
			}
		}
		pages.size = 0
	}
}

// pager makes pages smaller than the client asks for.
type pager struct {
	base  http.RoundTripper
	size  int // items of a page, 0 = as asked
	asked int
}

func (p *pager) RoundTrip(r *http.Request) (*http.Response, error) {
	p.asked++
	if query := r.URL.Query(); p.size > 0 && query.Has("n") {
		r = r.Clone(r.Context())
		query.Set("n", strconv.Itoa(p.size))
		r.URL.RawQuery = query.Encode()
	}
	return p.base.RoundTrip(r)
}
