package interop

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// image is a small real image: two gzipped tar layers that a runtime can unpack.
type image struct {
	manifest []byte
	digest   string
	blobs    map[string][]byte // config and layers by digest
}

// newImage makes an image from noise that name decides, so that every name has
// blobs of its own. size is about the larger layer's.
func newImage(name string, size int) (image, error) {
	img := image{blobs: map[string][]byte{}}
	put := func(mediaType string, b []byte) descriptor {
		d := descriptor{MediaType: mediaType, Digest: digestOf(b), Size: len(b)}
		img.blobs[d.Digest] = b
		return d
	}
	noise := rand.NewChaCha8(sha256.Sum256([]byte(name)))
	var layers []descriptor
	var diffIDs []string
	for i, n := range []int{100, size} {
		content := make([]byte, n)
		if _, err := noise.Read(content); err != nil {
			return img, err
		}
		var raw, zipped bytes.Buffer
		tw := tar.NewWriter(&raw)
		if err := tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%d", i), Mode: 0o644, Size: int64(n)}); err != nil {
			return img, err
		}
		if _, err := tw.Write(content); err != nil {
			return img, err
		}
		if err := tw.Close(); err != nil {
			return img, err
		}
		zw := gzip.NewWriter(&zipped)
		if _, err := zw.Write(raw.Bytes()); err != nil {
			return img, err
		}
		if err := zw.Close(); err != nil {
			return img, err
		}
		diffIDs = append(diffIDs, digestOf(raw.Bytes()))
		layers = append(layers, put(layerType, zipped.Bytes()))
	}
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}, "author": name})
	if err != nil {
		return img, err
	}
	img.manifest, err = json.Marshal(manifest{2, manifestType, put(configType, config), layers})
	img.digest = digestOf(img.manifest)
	return img, err
}

// writeLayout writes the image as an OCI image layout with one tag.
func (img image) writeLayout(t *testing.T, dir, tag string) {
	t.Helper()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType,
		"manifests": []descriptor{{manifestType, img.digest, len(img.manifest),
			map[string]string{"org.opencontainers.image.ref.name": tag}}}})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": index}
	for d, b := range img.blobs {
		files["blobs/sha256/"+strings.TrimPrefix(d, "sha256:")] = b
	}
	files["blobs/sha256/"+strings.TrimPrefix(img.digest, "sha256:")] = img.manifest
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// checkLayout reads what a client pulled: the manifest under the given digest, and
// everything it names, whole.
func checkLayout(t *testing.T, dir, digest string) {
	t.Helper()
	read := func(d string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(d, "sha256:")))
		if err != nil {
			t.Fatalf("the client did not pull %s: %v", d, err)
		}
		if got := digestOf(b); got != d {
			t.Fatalf("the client pulled %s as %s", got, d)
		}
		return b
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(index), digest) {
		t.Errorf("the client's index does not name %s: %s", digest, index)
	}
	var m manifest
	if err := json.Unmarshal(read(digest), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) != 2 {
		t.Errorf("%d layers, want 2", len(m.Layers))
	}
	for _, d := range append(m.Layers, m.Config) {
		if b := read(d.Digest); len(b) != d.Size {
			t.Errorf("%s has %d bytes, want %d", d.Digest, len(b), d.Size)
		}
	}
}
