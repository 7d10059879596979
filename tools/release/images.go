package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// userID is the user and group of both images, the usual number of "nonroot".
const userID = 65532

const (
	home    = "/home/nonroot"
	dataDir = "/data"
)

// image is one of the images that a release has.
type image struct {
	name, description string
	program           string   // the binary, as goreleaser calls it
	entrypoint        []string // of the container; arguments of the user follow
	certificates      bool     // the CAs of public hosts, for a program that asks them
	data              bool     // the folder /data, for a volume
	port              int      // 0: none
	env               []string // besides PATH and HOME
	health            []string // of Docker's health check: the image has no shell for --health-cmd
}

var images = []image{
	{
		name: "acrkit", description: "Azure Container Registry with least privilege: the command",
		program: "acrkit", entrypoint: []string{"acrkit"}, certificates: true,
	},
	{
		name: "emulator", description: "An emulator of Azure Container Registry, for development and tests",
		program: "acrkit", data: true, port: 5443,
		// In a container, loopback is the container alone. The emulator refuses other machines
		// unless each secret of its seed is in a variable or file.
		entrypoint: []string{"acrkit", "emulator", "start", "--data", dataDir, "--listen-beyond-loopback"},
		env:        []string{"ACRKIT_ADDR=0.0.0.0:5443"},
		health:     []string{"CMD", "acrkit", "emulator", "health"},
	},
}

// build is what goreleaser says of itself, and the binaries that it made.
type build struct {
	Tag      string   `json:"tag"`
	Version  string   `json:"version"`
	Commit   string   `json:"commit"`
	binaries []binary // sorted
}

type binary struct {
	Name string `json:"name"`
	Path string `json:"path"` // relative to the folder that holds dist
	OS   string `json:"goos"`
	Arch string `json:"goarch"`
	Type string `json:"type"`
}

// readBuild reads the folder that goreleaser wrote.
func readBuild(dist string) (build, error) {
	var b build
	if err := readJSON(filepath.Join(dist, "metadata.json"), &b); err != nil {
		return b, err
	}
	var all []binary
	if err := readJSON(filepath.Join(dist, "artifacts.json"), &all); err != nil {
		return b, err
	}
	for _, a := range all {
		if a.Type == "Binary" {
			a.Path = filepath.Join(filepath.Dir(filepath.Clean(dist)), filepath.FromSlash(a.Path))
			b.binaries = append(b.binaries, a)
		}
	}
	// goreleaser lists them as they became ready.
	slices.SortFunc(b.binaries, func(x, y binary) int { return strings.Compare(x.Path, y.Path) })
	return b, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path) //nolint:gosec // in the folder that the caller names
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// WriteImages makes an OCI layout for each image, with the Linux binaries that goreleaser
// left in dist: the folders acrkit and emulator in out. They depend on the binaries and
// their times only.
func WriteImages(dist, out string) error {
	b, err := readBuild(dist)
	if err != nil {
		return err
	}
	for _, i := range images {
		index, err := i.index(b)
		if err != nil {
			return fmt.Errorf("image %s: %w", i.name, err)
		}
		// The folder is a new one, so that nothing of another build stays in it.
		dir := filepath.Join(out, i.name)
		err = errors.Join(os.RemoveAll(dir), os.MkdirAll(out, 0o755)) //nolint:gosec // the caller's folder, no secret
		if err != nil {
			return err
		}
		path, err := layout.Write(dir, empty.Index)
		if err != nil {
			return err
		}
		if err := path.AppendIndex(index); err != nil {
			return fmt.Errorf("image %s: %w", i.name, err)
		}
	}
	return nil
}

// index is the image for all its platforms.
func (i image) index(b build) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	count := 0
	for _, bin := range b.binaries {
		if bin.OS != "linux" || bin.Name != i.program {
			continue
		}
		img, err := i.image(b, bin)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: bin.OS, Architecture: bin.Arch}},
		})
		count++
	}
	if count == 0 {
		return nil, errors.New("the build has no binary for Linux")
	}
	annotated, ok := mutate.Annotations(index, i.labels(b)).(v1.ImageIndex)
	if !ok {
		return nil, errors.New("an index with annotations is no index")
	}
	return annotated, nil
}

// labels are the annotations of the index, and the labels of each image.
func (i image) labels(b build) map[string]string {
	const source = "https://github.com/acrkit/acrkit"
	return map[string]string{
		"org.opencontainers.image.title":       i.name,
		"org.opencontainers.image.description": i.description,
		"org.opencontainers.image.version":     b.Version,
		"org.opencontainers.image.revision":    b.Commit,
		"org.opencontainers.image.source":      source,
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
}

// image is the image for the platform of a binary.
func (i image) image(b build, bin binary) (v1.Image, error) {
	info, err := os.Stat(bin.Path)
	if err != nil {
		return nil, err
	}
	made := info.ModTime().UTC() // goreleaser gives it the commit's time
	content, err := i.layer(bin.Path, made)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	},
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer: layer, History: v1.History{Created: v1.Time{Time: made}, CreatedBy: "tools/release", Comment: i.name +
			" " + b.Version},
	})
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = bin.OS, bin.Arch, v1.Time{Time: made}
	user := strconv.Itoa(userID)
	file.Config = v1.Config{
		User: user + ":" + user, WorkingDir: home, Entrypoint: i.entrypoint, Labels: i.labels(b),
		Env: append([]string{"PATH=/usr/local/bin", "HOME=" + home}, i.env...),
	}
	if i.health != nil {
		// The first check comes after an interval: a pipeline waits for it.
		file.Config.Healthcheck = &v1.HealthConfig{Test: i.health, Interval: time.Second, Timeout: 10 * time.Second,
			StartPeriod: 10 * time.Second, Retries: 5}
	}
	if i.data {
		file.Config.Volumes = map[string]struct{}{dataDir: {}}
	}
	if i.port != 0 {
		file.Config.ExposedPorts = map[string]struct{}{fmt.Sprintf("%d/tcp", i.port): {}}
	}
	return mutate.ConfigFile(img, file)
}

// entry is a file, or a folder if its name ends with a slash.
type entry struct {
	name    string
	mode    int64
	owner   int
	content []byte
}

// layer returns the file system of the image as a tar archive.
func (i image) layer(program string, made time.Time) ([]byte, error) {
	code, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	entries := []entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/passwd", mode: 0o644,
			content: fmt.Appendf(nil, "root:x:0:0::/:/none\nnonroot:x:%d:%[1]d::%s:/none\n", userID, home)},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", userID)},
		{name: "home/", mode: 0o755},
		{name: home[1:] + "/", mode: 0o700, owner: userID},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/", mode: 0o755},
		{name: "usr/local/", mode: 0o755},
		{name: "usr/local/bin/", mode: 0o755},
		{name: "usr/local/bin/" + i.program, mode: 0o755, content: code},
	}
	if i.certificates {
		entries = append(entries, entry{name: "etc/ssl/", mode: 0o755}, entry{name: "etc/ssl/certs/", mode: 0o755},
			entry{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: certificates()})
	}
	if i.data {
		entries = append(entries, entry{name: dataDir[1:] + "/", mode: 0o700, owner: userID})
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.content)),
			ModTime: made, Format: tar.FormatPAX,
		}
		if e.name[len(e.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// certificates returns Mozilla's CAs, of the version that go.mod pins: those of the
// machine that builds would make another image on each. A CA that is trusted for a
// part of its certificates only is left out, because a file of certificates cannot say so.
func certificates() []byte {
	var out []byte
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})...)
		}
	}
	return out
}
