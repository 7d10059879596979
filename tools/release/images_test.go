package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// maxImage bounds each image, as it is pulled and unpacked.
const maxImage = 40 << 20

// TestImages makes the images of a small build, in two folders at different times, with its
// binaries listed in another order.
func TestImages(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	layouts := make([]string, 2)
	for n := range layouts {
		root := t.TempDir()
		dist := filepath.Join(root, "dist")
		writeFile(t, filepath.Join(dist, "metadata.json"), `{"tag": "v1.2.3", "version": "1.2.3", "commit": "0123"}`)
		type artefact = map[string]string
		var artefacts []artefact
		for _, arch := range []string{"amd64", "arm64"} {
			for _, program := range []string{"acrkit", "docker-credential-acrkit"} {
				path := filepath.Join("dist", program+"_linux_"+arch, program)
				writeFile(t, filepath.Join(root, path), program+" for "+arch)
				if err := os.Chtimes(filepath.Join(root, path), made, made); err != nil {
					t.Fatal(err)
				}
				artefacts = append(artefacts, artefact{"name": program, "path": filepath.ToSlash(path), "goos": "linux",
					"goarch": arch, "type": "Binary"})
			}
		}
		artefacts = append(artefacts, artefact{"name": "acrkit", "path": "not/there", "goos": "darwin",
			"goarch": "amd64", "type": "Binary"},
			artefact{"name": "acrkit.tar.gz", "path": "not/there", "goos": "linux",
				"goarch": "amd64", "type": "Archive"})
		if n > 0 { // goreleaser lists what it built as it became ready
			slices.Reverse(artefacts)
		}
		list, err := json.Marshal(artefacts)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dist, "artifacts.json"), string(list))
		layouts[n] = filepath.Join(root, "images")
		writeFile(t, filepath.Join(layouts[n], "emulator", "of-another-build"), "")
		if err := WriteImages(dist, layouts[n]); err != nil {
			t.Fatal(err)
		}
	}
	sameFiles(t, layouts[0], layouts[1])
	for _, i := range images {
		checkImage(t, filepath.Join(layouts[0], i.name), i, []string{"amd64", "arm64"}, "1.2.3", "0123",
			func(arch string) []byte { return []byte(i.program + " for " + arch) })
	}
	if err := WriteImages(t.TempDir(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no build: %v", err)
	}
}

// checkImage checks the layout of an image: what each platform's image says, and every
// file in it. program returns the binary for an architecture.
func checkImage(t *testing.T, dir string, i image, arches []string, version, commit string,
	program func(arch string) []byte) {
	t.Helper()
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	top, err := outer.IndexManifest()
	if err != nil || len(top.Manifests) != 1 {
		t.Fatalf("%s: %d entries in the layout, want the index alone: %v", dir, len(top.Manifests), err)
	}
	index, err := outer.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("%s: %v", i.name, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range manifest.Manifests {
		if d.Platform == nil || d.Platform.OS != "linux" {
			t.Fatalf("%s: an image for %v", i.name, d.Platform)
		}
		got = append(got, d.Platform.Architecture)
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkConfig(t, img, i, d.Platform.Architecture, version, commit)
		checkFiles(t, img, i, program(d.Platform.Architecture))
	}
	slices.Sort(got)
	if !slices.Equal(got, arches) {
		t.Errorf("%s: images for %v, want %v", i.name, got, arches)
	}
}

func checkConfig(t *testing.T, img v1.Image, i image, arch, version, commit string) {
	t.Helper()
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	labels := c.Labels
	if file.Architecture != arch || file.OS != "linux" || c.User != "65532:65532" ||
		!slices.Equal(c.Entrypoint, i.entrypoint) ||
		labels["org.opencontainers.image.source"] != "https://"+modulePath ||
		labels["org.opencontainers.image.version"] != version ||
		labels["org.opencontainers.image.revision"] != commit ||
		labels["org.opencontainers.image.licenses"] != "Apache-2.0" || file.Created.IsZero() {
		t.Errorf("%s for %s: %s/%s, %+v", i.name, arch, file.OS, file.Architecture, c)
	}
}

// checkFiles compares every file of an image with what belongs into it.
func checkFiles(t *testing.T, img v1.Image, i image, program []byte) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: %d layers: %v", i.name, len(layers), err)
	}
	packed, err := layers[0].Size()
	if err != nil || packed > maxImage {
		t.Errorf("%s: the layer has %d bytes, and at most %d are allowed: %v", i.name, packed, maxImage, err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	modes := map[string]int64{
		"etc/": 0o755, "etc/passwd": 0o644, "etc/group": 0o644, "home/": 0o755, "home/nonroot/": 0o700, "tmp/": 0o1777,
		"usr/": 0o755, "usr/local/": 0o755, "usr/local/bin/": 0o755, "usr/local/bin/acrkit": 0o755,
	}
	own := []string{"home/nonroot/"}
	if i.name == "emulator" {
		modes["data/"] = 0o700
		own = append(own, "data/")
	} else {
		modes["etc/ssl/"], modes["etc/ssl/certs/"], modes["etc/ssl/certs/ca-certificates.crt"] = 0o755, 0o755, 0o644
	}
	var total int64
	reader := tar.NewReader(content)
	for {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		mode, ok := modes[h.Name]
		owner := 0
		if slices.Contains(own, h.Name) {
			owner = userID
		}
		if !ok || h.Mode != mode || h.Uid != owner || h.Gid != owner ||
			(h.Typeflag == tar.TypeDir) != strings.HasSuffix(h.Name, "/") {
			t.Errorf("%s: %s has mode %o, owner %d:%d; want %o, %d", i.name, h.Name, h.Mode, h.Uid, h.Gid, mode, owner)
		}
		delete(modes, h.Name)
		total += h.Size
		data, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		switch h.Name {
		case "usr/local/bin/acrkit":
			if !bytes.Equal(data, program) {
				t.Errorf("%s: the program is not that of the archive", i.name)
			}
		case "etc/ssl/certs/ca-certificates.crt":
			pool := x509.NewCertPool()
			if !pool.AppendCertsFromPEM(data) || bytes.Count(data, []byte("BEGIN CERTIFICATE")) < 50 {
				t.Errorf("%s: %d bytes of certificates", i.name, len(data))
			}
		}
	}
	if len(modes) > 0 {
		t.Errorf("%s lacks %v", i.name, modes)
	}
	if total > maxImage {
		t.Errorf("%s: %d bytes unpacked, and at most %d are allowed", i.name, total, maxImage)
	}
}

// sameFiles compares two folders, byte by byte.
func sameFiles(t *testing.T, one, two string) {
	t.Helper()
	files := func(root string) map[string]string {
		out := map[string]string{}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			out[rel] = read(t, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first, second := files(one), files(two)
	if len(first) == 0 || len(first) != len(second) {
		t.Errorf("%d and %d files", len(first), len(second))
	}
	for name, text := range first {
		if other, ok := second[name]; !ok || other != text {
			t.Errorf("%s differs between the two builds (%d and %d bytes)", name, len(text), len(other))
		}
	}
}
