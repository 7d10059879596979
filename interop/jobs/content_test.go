package jobs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit/internal/imagegen"
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// write writes a file in the client's home and returns its path.
func (r *run) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.home, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return path
}

// layout writes an image as an OCI layout with the tag v1, and returns its folder and the
// digest of its manifest. It needs no registry.
func (r *run) layout() (dir, digest string) {
	r.t.Helper()
	m := imagegen.Image(r.job.name, ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil)
	for _, b := range append(m.Blobs, m.Blob) {
		name := strings.Replace(string(b.Descriptor.Digest), ":", "/", 1)
		r.write(filepath.Join("layout/blobs", name), string(b.Data))
	}
	d := m.Descriptor
	d.Annotations = map[string]string{ocispec.AnnotationRefName: "v1"}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{d}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("layout/oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
	return filepath.Dir(r.write("layout/index.json", string(index))), string(d.Digest)
}

// layer is the largest blob of the layout: the layer.
func (r *run) layer() string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.home, "layout/blobs/sha256/*"))
	if err != nil || len(files) == 0 {
		r.t.Fatalf("the layout: %v", err)
	}
	largest, size := "", int64(-1)
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			r.t.Fatal(err)
		}
		if info.Size() > size {
			largest, size = f, info.Size()
		}
	}
	return largest
}

// checker is a token that may do everything, which sees what is in the registry.
const checker = "checker"

// repository is what is in the repository of a role.
func (r *run) repository(role string) *content {
	r.t.Helper()
	if r.seer == nil {
		r.seer = r.reg.TokenOf(checker, "_repositories_admin").Credential()
	}
	return &content{r, r.name(role)}
}

type content struct {
	r    *run
	name string
}

// has checks that a tag or digest is there; want, if it is not empty, is its digest. All that
// the manifest refers to is read.
func (c *content) has(reference, want string) error {
	ctx := c.r.t.Context()
	repo := c.r.reg.OrasRepository(c.name, c.r.seer)
	d, body, err := repo.FetchReference(ctx, reference)
	if err != nil {
		return err
	}
	defer body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(body); err != nil {
		return err
	}
	if got := digest.FromBytes(text.Bytes()); got != d.Digest || want != "" && string(got) != want {
		return fmt.Errorf("%s:%s is %s, want %s", c.name, reference, got, want)
	}
	var m struct {
		Config ocispec.Descriptor
		Layers []ocispec.Descriptor
	}
	if err := json.Unmarshal(text.Bytes(), &m); err != nil {
		return err
	}
	for _, b := range append(m.Layers, m.Config) {
		if b.Digest == "" {
			continue // an index has none
		}
		if ok, err := repo.Blobs().Exists(ctx, b); err != nil || !ok {
			return fmt.Errorf("%s: the blob %s: there %t, %w", c.name, b.Digest, ok, err)
		}
	}
	return nil
}

// tags are the repository's tags.
func (c *content) tags() ([]string, error) {
	var all []string
	err := c.r.reg.OrasRepository(c.name, c.r.seer).Tags(c.r.t.Context(), "", func(page []string) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

// lacks checks that a tag is not there.
func (c *content) lacks(tag string) error {
	tags, err := c.tags()
	if err != nil {
		return err
	}
	if slices.Contains(tags, tag) {
		return fmt.Errorf("%s:%s is still there", c.name, tag)
	}
	return nil
}

// referred checks that something is attached to a manifest.
func (c *content) referred(subject string) error {
	found := false
	err := c.r.reg.OrasRepository(c.name, c.r.seer).Referrers(c.r.t.Context(),
		ocispec.Descriptor{Digest: digest.Digest(subject)}, "", func(page []ocispec.Descriptor) error {
			found = found || len(page) > 0
			return nil
		})
	if err == nil && !found {
		err = fmt.Errorf("nothing is attached to %s", subject)
	}
	return err
}

// locked checks that a tag may not be written.
func (c *content) locked(tag string) error {
	t, err := c.r.reg.Client(c.r.seer).Tag(c.r.t.Context(), c.name, tag)
	if err == nil && t.Attributes.Write {
		err = fmt.Errorf("%s:%s is not locked", c.name, tag)
	}
	return err
}
