package content_test

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

var (
	tagNames = names(func(t content.Tag) string { return t.Name })
	plain    = names(func(s string) string { return s })
)

func TestAttributes(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	amd := f.image("a/b", "v1", "layer one")
	again := f.image("a/b", "latest", "layer one")
	if amd != again {
		t.Errorf("the same image has digests %s and %s", amd, again)
	}
	index := f.put("a/b", "multi", indexType, fmt.Sprintf(
		`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":1,"platform":{"architecture":"amd64","os":"linux"}}]}`, manifestType, amd))
	m := get(f.Manifest(ctx, f.reg, "a/b", amd))
	want := content.Manifest{Digest: amd, MediaType: manifestType, Size: m.Size, ImageSize: 9,
		ConfigMediaType: configType,
		Architecture:    "amd64", OS: "linux", Created: m.Created, Updated: m.Created, Tags: []string{"latest", "v1"}}
	ignore := cmpopts.IgnoreUnexported(content.Manifest{}, content.Repository{})
	if diff := cmp.Diff(want, m, ignore); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	i := get(f.Manifest(ctx, f.reg, "a/b", index))
	want = content.Manifest{Digest: index, MediaType: indexType, Size: i.Size, ImageSize: m.ImageSize,
		Created: i.Created, Updated: i.Created,
		Tags: []string{"multi"}, References: []content.Reference{{Digest: amd, Architecture: "amd64", OS: "linux"}}}
	if diff := cmp.Diff(want, i, ignore); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	r := get(f.Repository(ctx, f.reg, "a/b"))
	if diff := cmp.Diff(content.Repository{Name: "a/b", Created: r.Created, Updated: i.Created, Manifests: 2, Tags: 3},
		r, ignore); diff != "" {
		t.Errorf("repository (-want +got):\n%s", diff)
	}
	// A tag that moves keeps the time it was made at.
	before := get(f.Tag(ctx, f.reg, "a/b", "v1"))
	two := f.image("a/b", "v1", "layer two")
	after := get(f.Tag(ctx, f.reg, "a/b", "v1"))
	if after.Digest != two || !after.Created.Equal(before.Created) || !after.Updated.After(before.Updated) {
		t.Errorf("the tag went from %+v to %+v", before, after)
	}
}

func TestBlobsBelongToRepositories(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	d := f.blob("mine", "secret")
	for _, err := range []error{
		first(f.Blob(ctx, f.reg, "other", d)), first(f.OpenBlob(ctx, f.reg, "other", d)),
		f.DeleteBlob(ctx, f.reg, "other", d),
	} {
		f.wantKind(err, content.BlobUnknown)
	}
	elsewhere := get(f.CreateRegistry(ctx, "second"))
	f.wantKind(first(f.Blob(ctx, elsewhere, "mine", d)), content.BlobUnknown)
	if mounted, err := f.Mount(ctx, elsewhere, "mine", "other", d); mounted || err != nil {
		t.Errorf("a blob was mounted from another registry: %v, %v", mounted, err)
	}
	// A manifest that names it does not make it known.
	f.blob("other", "c")
	f.wantKind(second(f.PutManifest(ctx, f.reg, "other", "v1", manifestType, []byte(imageJSON("c", "secret")))),
		content.ManifestBlobUnknown)
	if mounted, err := f.Mount(ctx, f.reg, "mine", "other", d); !mounted || err != nil {
		t.Errorf("mount: %v, %v", mounted, err)
	}
	must(t, f.DeleteBlob(ctx, f.reg, "mine", d))
	r, err := f.OpenBlob(ctx, f.reg, "other", d)
	must(t, err)
	defer r.Close()
	if b, _ := io.ReadAll(r.Reader()); string(b) != "secret" || r.Size != 6 {
		t.Errorf("the mounted blob is %q, %d bytes", b, r.Size)
	}
	// Blobs alone make no repository that is listed.
	if got := plain(f.Repositories(ctx, f.reg, all)); got != "" {
		t.Errorf("repositories %q, want none", got)
	}
	f.wantKind(first(f.Repository(ctx, f.reg, "mine")), content.RepositoryUnknown)
}

func TestManifestForms(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	config, layer := "{}", "layer"
	f.blob("r", config)
	f.blob("r", layer)
	image := imageJSON(config, layer)
	child := f.put("r", "", manifestType, image)
	missing := digestOf([]byte("missing"))
	twoLayers := func(size string) string { // of 5 bytes, and of size, which is missing
		return strings.Replace(image, `"size":5}`, `"size":5},{"digest":"`+missing+`","size":`+size+`}`, 1)
	}
	docker := strings.NewReplacer(manifestType, "application/vnd.docker.distribution.manifest.v2+json").Replace(image)
	for _, c := range []struct {
		name, reference, contentType, body string
		want                               content.Kind
	}{
		{"image", "t", manifestType, image, ""},
		{"type with a parameter", "t", manifestType + "; charset=utf-8", image, ""},
		{"type from the manifest", "t", "", image, ""},
		{"docker", "t", "application/vnd.docker.distribution.manifest.v2+json", docker, ""},
		{"docker without mediaType", "t", "application/vnd.docker.distribution.manifest.v2+json",
			strings.Replace(image, `"mediaType":"`+manifestType+`",`, "", 1), content.ManifestInvalid},
		{"OCI without mediaType", "t", manifestType, strings.Replace(image, `"mediaType":"`+manifestType+`",`, "", 1),
			""},
		{"artifact manifest", "t", "application/vnd.oci.artifact.manifest.v1+json",
			fmt.Sprintf(
				`{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b","blobs":[{"digest":%q,"size":5}]}`, digestOf([]byte(layer))), ""},
		{"its blob is missing", "t", "application/vnd.oci.artifact.manifest.v1+json",
			fmt.Sprintf(`{"artifactType":"a/b","blobs":[{"digest":%q,"size":5}]}`, missing),
			content.ManifestBlobUnknown},
		{"index", "t", indexType, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":1}]}`, child), ""},
		{"empty index", "t", indexType, `{"schemaVersion":2,"manifests":[]}`, ""},
		{"child is missing", "t", indexType, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":1}]}`,
			missing), content.ManifestBlobUnknown},
		{"child is a blob", "t", indexType, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":1}]}`,
			digestOf([]byte(layer))), content.ManifestBlobUnknown},
		{"layer is missing", "t", manifestType, imageJSON(config, "missing"), content.ManifestBlobUnknown},
		{"config is missing", "t", manifestType, imageJSON("missing", layer), content.ManifestBlobUnknown},
		{"foreign layer", "t", manifestType, strings.Replace(imageJSON(config, "missing"), layerType,
			"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", 1), ""},
		{"other type", "t", indexType, image, content.ManifestInvalid},
		{"unknown type", "t", "application/vnd.docker.distribution.manifest.v1+json", `{"schemaVersion":1}`,
			content.ManifestInvalid},
		{"no type", "t", "", `{"schemaVersion":2}`, content.ManifestInvalid},
		{"both image and index", "t", indexType,
			strings.Replace(fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":1}],"layers":[]}`, child),
				"x", "x", 1), content.ManifestInvalid},
		{"image with manifests", "t", manifestType, imageJSON(config, layer, `,"manifests":[]`),
			content.ManifestInvalid},
		{"schema version", "t", manifestType, strings.Replace(image, `"schemaVersion":2`, `"schemaVersion":3`, 1),
			content.ManifestInvalid},
		{"negative size", "t", manifestType, strings.Replace(image, `"size":5`, `"size":-5`, 1),
			content.ManifestInvalid},
		{"sizes overflow", "t", manifestType, twoLayers("9223372036854775803"), content.ManifestInvalid},
		{"sizes at the limit", "t", manifestType, twoLayers("9223372036854775802"), content.ManifestBlobUnknown},
		{"bad digest", "t", manifestType, strings.Replace(image, digestOf([]byte(layer)), "sha256:short", 1),
			content.ManifestInvalid},
		{"bad subject", "t", manifestType, imageJSON(config, layer, `,"subject":{"digest":"nope"}`),
			content.ManifestInvalid},
		{"no config", "t", manifestType, `{"schemaVersion":2,"layers":[]}`, content.ManifestInvalid},
		{"no object", "t", manifestType, `[]`, content.ManifestInvalid},
		{"null", "t", manifestType, `null`, content.ManifestInvalid},
		{"no JSON", "t", manifestType, ``, content.ManifestInvalid},
		{"by another digest", missing, manifestType, image, content.DigestMismatch},
		{"at the limit", "t", manifestType, image + strings.Repeat(" ", content.MaxManifest-len(image)), ""},
		{"beyond the limit", "t", manifestType, image + strings.Repeat(" ", content.MaxManifest+1-len(image)),
			content.ManifestTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := f.PutManifest(ctx, f.reg, "r", c.reference, c.contentType, []byte(c.body))
			if content.KindOf(err) != c.want || c.want == "" && err != nil {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	sum := sha512.Sum512([]byte(image))
	by512 := "sha512:" + hex.EncodeToString(sum[:])
	if got := f.put("r", by512, manifestType, image); got != by512 {
		t.Errorf("digest %s, want the one it was put under", got)
	}
	// A refused manifest makes no repository.
	f.wantKind(second(f.PutManifest(ctx, f.reg, "new", "t", manifestType, []byte(image))), content.ManifestBlobUnknown)
	f.wantKind(first(f.Repository(ctx, f.reg, "new")), content.RepositoryUnknown)
}

func TestDeletes(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	root := f.image("r", "v1", "one")
	f.image("r", "v2", "one")
	subject := `,"subject":{"digest":"` + root + `"}`
	sig := f.image("r", "", "signature", subject)
	sigOfSig := f.image("r", "", "countersignature", `,"subject":{"digest":"`+sig+`"}`)
	other := f.image("r", "other", "two")

	d, err := f.DeleteTag(ctx, f.reg, "r", "v1")
	if d != root || err != nil {
		t.Errorf("untag: %s, %v", d, err)
	}
	f.wantKind(first(f.Tag(ctx, f.reg, "r", "v1")), content.TagUnknown)
	f.wantKind(first(f.DeleteTag(ctx, f.reg, "r", "v1")), content.TagUnknown)
	f.wantKind(first(f.DeleteTag(ctx, f.reg, "nowhere", "v1")), content.TagUnknown)
	must(t, first(f.ManifestContent(ctx, f.reg, "r", root)))

	must(t, f.DeleteManifest(ctx, f.reg, "r", root))
	for _, gone := range []string{root, sig, sigOfSig} {
		f.wantKind(first(f.ManifestContent(ctx, f.reg, "r", gone)), content.ManifestUnknown)
		f.wantKind(f.DeleteManifest(ctx, f.reg, "r", gone), content.ManifestUnknown)
	}
	f.wantKind(f.DeleteManifest(ctx, f.reg, "nowhere", root), content.ManifestUnknown)
	r := get(f.Repository(ctx, f.reg, "r"))
	if r.Manifests != 1 || r.Tags != 1 {
		t.Errorf("%d manifests and %d tags are counted, want 1 and 1", r.Manifests, r.Tags)
	}
	manifests, tags, err := f.DeleteRepository(ctx, f.reg, "r")
	must(t, err)
	if diff := cmp.Diff([][]string{{other}, {"other"}}, [][]string{manifests, tags}); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	f.wantKind(second(f.DeleteRepository(ctx, f.reg, "r")), content.RepositoryUnknown)
	f.wantKind(first(f.Blob(ctx, f.reg, "r", digestOf([]byte("two")))), content.BlobUnknown)
	// A repository whose last manifest went stays.
	only := f.image("empty", "v1", "x")
	must(t, f.DeleteManifest(ctx, f.reg, "empty", only))
	if got := plain(f.Repositories(ctx, f.reg, all)); got != "empty" {
		t.Errorf("repositories %q, want the empty one", got)
	}
	must(t, f.db.Write(ctx, func(tx *db.Tx) error { return f.DeleteRegistry(tx, f.reg) }))
	if got := plain(f.Repositories(ctx, f.reg, all)); got != "" {
		t.Errorf("repositories %q after their registry", got)
	}
}

func TestReferrers(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	root := digestOf([]byte("not pushed yet"))
	subject := `,"subject":{"digest":"` + root + `"}`
	byConfig := f.image("r", "", "one", subject)
	byType := f.image("r", "", "two", subject, `,"artifactType":"sig/a","annotations":{"k":"v<"}`)
	got, _, err := f.Referrers(ctx, f.reg, "r", root, "", all)
	must(t, err)
	types := map[string]string{}
	for _, r := range got {
		types[r.Digest] = r.ArtifactType
	}
	if diff := cmp.Diff(map[string]string{byConfig: configType, byType: "sig/a"}, types); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
	got, _, err = f.Referrers(ctx, f.reg, "r", root, "sig/a", all)
	must(t, err)
	if len(got) != 1 || got[0].Digest != byType || got[0].Annotations["k"] != "v<" {
		t.Errorf("referrers of a type: %+v", got)
	}
	page, more, err := f.Referrers(ctx, f.reg, "r", root, "", content.Page{N: 1})
	must(t, err)
	rest, end, err := f.Referrers(ctx, f.reg, "r", root, "", content.Page{N: 1, Last: page[0].Digest})
	must(t, err)
	if !more || end || len(rest) != 1 {
		t.Errorf("pages: more %v and %v, %d on the second", more, end, len(rest))
	}
	for _, repo := range []string{"r", "nowhere"} {
		if got, _, err := f.Referrers(ctx, f.reg, repo, digestOf(nil), "", all); err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v; want none", repo, got, err)
		}
	}
}

func TestLists(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	// By time: c a b, d; by name: a b c d.
	one := f.image("r", "c", "one")
	f.image("r", "a", "two")
	f.image("r", "b", "one")
	f.image("r", "d", "three")
	f.image("q", "x", "x")
	page := func(n int, last string, o content.Order) content.Page {
		p := content.Page{N: n, Last: last, Order: o}
		if o != "" && last != "" {
			p.Updated = get(f.Tag(ctx, f.reg, "r", last)).Updated
		}
		return p
	}
	for _, c := range []struct {
		digest string
		page   content.Page
		want   string
	}{
		{"", page(10, "", ""), "a b c d"},
		{"", page(2, "", ""), "a b …"},
		{"", page(2, "b", ""), "c d"},
		{"", page(2, "bb", ""), "c d"},
		{"", page(10, "", content.TimeAscending), "c a b d"},
		{"", page(2, "a", content.TimeAscending), "b d"},
		{"", page(10, "", content.TimeDescending), "d b a c"},
		{"", page(1, "b", content.TimeDescending), "a …"},
		{one, page(10, "", ""), "b c"},
		{one, page(1, "", content.TimeDescending), "b …"},
		{digestOf(nil), page(10, "", ""), ""},
	} {
		if got := tagNames(f.Tags(ctx, f.reg, "r", c.digest, c.page)); got != c.want {
			t.Errorf("%+v of %.12q: %q, want %q", c.page, c.digest, got, c.want)
		}
	}
	if got := plain(f.TagNames(ctx, f.reg, "r", page(3, "", ""))); got != "a b c …" {
		t.Errorf("tag names %q", got)
	}
	if got := plain(f.Repositories(ctx, f.reg, page(1, "", ""))); got != "q …" {
		t.Errorf("repositories %q", got)
	}
	f.wantKind(second(f.Tags(ctx, f.reg, "nowhere", "", all)), content.RepositoryUnknown)
}

func TestLocks(t *testing.T) {
	ctx := t.Context()
	const noDelete, noWrite, noRead, noList = content.NoDelete, content.NoWrite, content.NoRead, content.NoList
	type world struct {
		*fixture
		digest, layer string
	}
	deleteTag := func(w world) error { return first(w.DeleteTag(ctx, w.reg, "r", "v1")) }
	deleteManifest := func(w world) error { return w.DeleteManifest(ctx, w.reg, "r", w.digest) }
	deleteRepository := func(w world) error { return second(w.DeleteRepository(ctx, w.reg, "r")) }
	deleteBlob := func(w world) error { return w.DeleteBlob(ctx, w.reg, "r", w.layer) }
	overwrite := func(w world) error {
		return second(w.PutManifest(ctx, w.reg, "r", "v1", indexType, []byte(`{"schemaVersion":2,"manifests":[]}`)))
	}
	pushNew := func(w world) error {
		return second(w.PutManifest(ctx, w.reg, "r", "v2", indexType, []byte(`{"schemaVersion":2,"manifests":[]}`)))
	}
	upload := func(w world) error { return first(w.StartUpload(ctx, w.reg, "r")) }
	pullTag := func(w world) error { return first(w.ManifestContent(ctx, w.reg, "r", "v1")) }
	pullDigest := func(w world) error { return first(w.ManifestContent(ctx, w.reg, "r", w.digest)) }
	pullBlob := func(w world) error { return first(w.Blob(ctx, w.reg, "r", w.layer)) }
	for _, c := range []struct {
		level string
		lock  content.Locks
		name  string
		do    func(world) error
		want  content.Kind
	}{
		{"tag", noDelete, "delete tag", deleteTag, content.Locked},
		{"tag", noWrite, "delete tag", deleteTag, content.Locked},
		{"tag", noDelete, "delete manifest", deleteManifest, content.Locked},
		{"tag", noDelete, "delete repository", deleteRepository, content.Locked},
		{"tag", noWrite, "overwrite", overwrite, content.Locked},
		{"tag", noDelete, "overwrite", overwrite, ""},
		{"tag", noRead, "pull by tag", pullTag, content.Locked},
		{"tag", noRead, "pull by digest", pullDigest, ""},
		{"tag", noList, "delete tag", deleteTag, ""},
		{"manifest", noDelete, "delete tag", deleteTag, ""},
		{"manifest", noDelete, "delete manifest", deleteManifest, content.Locked},
		{"manifest", noWrite, "delete manifest", deleteManifest, content.Locked},
		{"manifest", noWrite, "delete repository", deleteRepository, content.Locked},
		{"manifest", noWrite, "overwrite", overwrite, ""},
		{"manifest", noRead, "pull by tag", pullTag, content.Locked},
		{"manifest", noRead, "pull by digest", pullDigest, content.Locked},
		{"repository", noDelete, "delete tag", deleteTag, content.Locked},
		{"repository", noDelete, "delete manifest", deleteManifest, content.Locked},
		{"repository", noWrite, "delete repository", deleteRepository, content.Locked},
		{"repository", noDelete, "delete blob", deleteBlob, content.Locked},
		{"repository", noWrite, "push", pushNew, content.Locked},
		{"repository", noWrite, "upload", upload, content.Locked},
		{"repository", noDelete, "push", pushNew, ""},
		{"repository", noRead, "pull", pullTag, content.Locked},
		{"repository", noRead, "pull a blob", pullBlob, content.Locked},
	} {
		t.Run(fmt.Sprintf("%s/%d/%s", c.level, c.lock, c.name), func(t *testing.T) {
			t.Parallel()
			w := world{fixture: open(t, setup{}), layer: digestOf([]byte("layer"))}
			w.digest = w.image("r", "v1", "layer")
			ctx := context.Background()
			set := func(change content.LockChange) error {
				switch c.level {
				case "tag":
					return first(w.UpdateTag(ctx, w.reg, "r", "v1", change))
				case "manifest":
					return first(w.UpdateManifest(ctx, w.reg, "r", w.digest, change))
				}
				return first(w.UpdateRepository(ctx, w.reg, "r", change))
			}
			must(t, set(content.LockChange{Mask: c.lock, Set: c.lock}))
			w.wantKind(c.do(w), c.want)
			if c.want != "" { // and it is the lock that forbids it
				must(t, set(content.LockChange{Mask: c.lock}))
				must(t, c.do(w))
			}
		})
	}
	t.Run("list", func(t *testing.T) {
		f := open(t, setup{})
		d := f.image("r", "v1", "layer")
		hide := content.LockChange{Mask: noList, Set: noList}
		must(t, first(f.UpdateTag(ctx, f.reg, "r", "v1", hide)))
		must(t, first(f.UpdateManifest(ctx, f.reg, "r", d, hide)))
		repo := get(f.Repository(ctx, f.reg, "r"))
		changed := get(f.UpdateRepository(ctx, f.reg, "r", hide))
		if !changed.Updated.Equal(repo.Updated) || changed.Locks != noList {
			t.Errorf("the repository went from %+v to %+v", repo, changed)
		}
		got := tagNames(f.Tags(ctx, f.reg, "r", "", all)) + plain(f.TagNames(ctx, f.reg, "r", all)) + plain(
			f.Repositories(ctx, f.reg, all))
		if ms, _, err := f.Manifests(ctx, f.reg, "r", all); got != "" || len(ms) != 0 || err != nil {
			t.Errorf("hidden things are listed: %q, %v, %v", got, ms, err)
		}
		must(t, first(f.Tag(ctx, f.reg, "r", "v1")))
	})
}

func FuzzPutManifest(f *testing.F) {
	for _, s := range []string{imageJSON("{}", "l"), `{"schemaVersion":2,"manifests":[]}`, `{}`,
		`{"config":{"size":1e3}}`, `{"layers":[null]}`} {
		f.Add("", s)
		f.Add(manifestType, s)
		f.Add(indexType+"; a=b", s)
	}
	opened := contenttest.Open(f, contenttest.Setup{})
	s, reg := opened.Store, opened.Registry
	f.Fuzz(func(t *testing.T, contentType, body string) {
		digest, _, err := s.PutManifest(t.Context(), reg, "r", "t", contentType, []byte(body))
		if err != nil {
			if content.KindOf(err) == "" {
				t.Errorf("not a refusal: %v", err)
			}
			return
		}
		c, err := s.ManifestContent(t.Context(), reg, "r", "t")
		if err != nil || c.Digest != digest || string(c.Body) != body {
			t.Errorf("put %s, got %s, %v", digest, c.Digest, err)
		}
	})
}
