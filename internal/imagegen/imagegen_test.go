package imagegen_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/imagegen"
)

var both = []ocispec.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64", Variant: "v8"}}

// TestDigests pins the bytes: seed files promise the same digests for ever.
func TestDigests(t *testing.T) {
	got := map[string]string{
		"image": imagegen.Image("a", both[0], nil).Descriptor.Digest.String(),
		"index": imagegen.Index("a", both, nil).Descriptor.Digest.String(),
		"artifact": imagegen.Artifact("a", "application/vnd.example",
			&ocispec.Descriptor{Digest: "sha256:00"}).Descriptor.Digest.String(),
	}
	want := map[string]string{
		"image":    "sha256:a6398a93c2e03d215d9b5c77928bde69e05e3e7136aa103bc36b1c8544c7ae41",
		"index":    "sha256:1968c3d2bdd42694b18ffdb778a3bfba98795822b7bb47c3d042d74483cacc69",
		"artifact": "sha256:31e1dcdac77e94a548c1c7638f1ea6ce973a988d5a38e927becfc6f2306a9967",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests changed (-want +got):\n%s", diff)
	}
}

func TestIndexIsWhole(t *testing.T) {
	const size = 200_000 // more than one stored block
	m := imagegen.Index("x", both, &imagegen.Options{Layers: 2, LayerSize: size})
	seen := 0
	err := m.Walk(func(m imagegen.Manifest) error {
		seen++
		for _, b := range append([]imagegen.Blob{m.Blob}, m.Blobs...) {
			if digest.FromBytes(b.Data) != b.Descriptor.Digest || int64(len(b.Data)) != b.Descriptor.Size {
				t.Errorf("%s: descriptor does not fit its content", b.Descriptor.MediaType)
			}
		}
		if len(m.Manifests) > 0 {
			return nil
		}
		var manifest ocispec.Manifest
		if err := json.Unmarshal(m.Data, &manifest); err != nil {
			return err
		}
		var config ocispec.Image
		if err := json.Unmarshal(m.Blobs[0].Data, &config); err != nil {
			return err
		}
		if config.Architecture != m.Descriptor.Platform.Architecture ||
			config.Variant != m.Descriptor.Platform.Variant {
			t.Errorf("config is of %s/%s, descriptor of %v", config.OS, config.Architecture, m.Descriptor.Platform)
		}
		for i, l := range manifest.Layers {
			if diff := cmp.Diff(m.Blobs[i+1].Descriptor, l); diff != "" {
				t.Errorf("layer %d: %s", i, diff)
			}
			z, err := gzip.NewReader(bytes.NewReader(m.Blobs[i+1].Data))
			if err != nil {
				return err
			}
			plain, err := io.ReadAll(z)
			if err != nil {
				return err
			}
			if got := digest.FromBytes(plain); got != config.RootFS.DiffIDs[i] {
				t.Errorf("layer %d: diff id %s, want %s", i, got, config.RootFS.DiffIDs[i])
			}
			names := 0
			for r := tar.NewReader(bytes.NewReader(plain)); ; names++ {
				h, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return err
				}
				if data, err := io.ReadAll(r); err != nil || int64(len(data)) != h.Size {
					t.Errorf("%s: %d bytes, %v", h.Name, len(data), err)
				}
			}
			if names != 3 {
				t.Errorf("layer %d has %d entries, want 3", i, names)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen != 3 {
		t.Errorf("walked %d manifests, want 3", seen)
	}
	if a, b := imagegen.Image("x", both[0], nil),
		imagegen.Image("y", both[0], nil); a.Descriptor.Digest == b.Descriptor.Digest {
		t.Error("two seeds gave one image")
	}
}

func TestWalkStops(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	err := imagegen.Index("x", both, nil).Walk(func(imagegen.Manifest) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func FuzzParsePlatform(f *testing.F) {
	for _, s := range []string{"linux/amd64", "linux/arm/v7", "linux", "a/b/c/d", "/", "linux//v7", "linux/amd64\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := imagegen.ParsePlatform(s)
		if err != nil {
			if acrkit.CodeOf(err) != acrkit.CodeUsage {
				t.Fatalf("%q: code %q", s, acrkit.CodeOf(err))
			}
			return
		}
		if got := imagegen.PlatformString(p); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}
