// Package imagegen makes small container images out of a seed text: valid
// layers, configs, manifests and multi-platform indexes in the OCI image format,
// the same bytes for the same seed, with every version of Go. The emulator's
// seed file, tests, the demonstration and the benchmarks are filled with them.
package imagegen

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit"
)

// DefaultLayerSize is the number of pseudo-random bytes in a layer's largest
// file: big enough to be cut in chunks by tests, small enough to make hundreds.
const DefaultLayerSize = 2048

// MaxPlatforms bounds an index, so that a typing error in a seed file cannot
// fill a disk.
const MaxPlatforms = 64

// created is the time in every generated config and tar header. It is fixed
// because it is part of the digest.
const created = "2024-01-01T00:00:00Z"
const createdUnix = 1704067200

// Blob is a piece of content with the descriptor that points to it.
type Blob struct {
	Descriptor ocispec.Descriptor
	Data       []byte
}

// Manifest is a generated manifest or index. Blobs and Manifests are what it
// refers to; a registry must hold them before it takes the manifest itself, as
// [Manifest.Walk] orders them.
type Manifest struct {
	Blob
	Blobs     []Blob     // config and layers; nil for an index
	Manifests []Manifest // children of an index
}

// Walk calls f for each manifest, children before their index, until f fails.
func (m Manifest) Walk(f func(Manifest) error) error {
	for _, child := range m.Manifests {
		if err := child.Walk(f); err != nil {
			return err
		}
	}
	return f(m)
}

// Options change what is generated. Nil means an image with one layer of
// [DefaultLayerSize].
type Options struct {
	Layers    int // layers in an image; 0 means 1
	LayerSize int // bytes of the large file in a layer; 0 means DefaultLayerSize
}

// Image makes an image for one platform. A zero platform means linux/amd64.
func Image(seed string, platform ocispec.Platform, opts *Options) Manifest {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Layers <= 0 {
		o.Layers = 1
	}
	if o.LayerSize <= 0 {
		o.LayerSize = DefaultLayerSize
	}
	if platform.OS == "" {
		platform.OS = "linux"
	}
	if platform.Architecture == "" {
		platform.Architecture = "amd64"
	}
	type history struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	}
	type rootFS struct {
		Type    string          `json:"type"`
		DiffIDs []digest.Digest `json:"diff_ids"`
	}
	// A struct of our own, because the order of its fields is part of the digest.
	config := struct {
		Created      string `json:"created"`
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
		OSVersion    string `json:"os.version,omitempty"`
		Variant      string `json:"variant,omitempty"`
		Config       struct {
			Env    []string          `json:"Env"`
			Cmd    []string          `json:"Cmd"`
			Labels map[string]string `json:"Labels"`
		} `json:"config"`
		RootFS  rootFS    `json:"rootfs"`
		History []history `json:"history"`
	}{Created: created, Architecture: platform.Architecture, OS: platform.OS, OSVersion: platform.OSVersion,
		Variant: platform.Variant}
	config.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	config.Config.Cmd = []string{"/app/run"}
	config.Config.Labels = map[string]string{"org.acrkit.generated-from": seed}
	config.RootFS.Type = "layers"

	m := Manifest{}
	for i := range o.Layers {
		plain := layer(fmt.Sprintf("%s\x00%s\x00%d", seed, PlatformString(platform), i), i, o.LayerSize)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain))
		config.History = append(config.History, history{created, "imagegen layer " + strconv.Itoa(i)})
		m.Blobs = append(m.Blobs, blob(ocispec.MediaTypeImageLayerGzip, gzipStored(plain)))
	}
	configBlob := blob(ocispec.MediaTypeImageConfig, mustJSON(config))
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest, Config: configBlob.Descriptor}
	for _, l := range m.Blobs {
		manifest.Layers = append(manifest.Layers, l.Descriptor)
	}
	m.Blobs = append([]Blob{configBlob}, m.Blobs...)
	m.Blob = blob(ocispec.MediaTypeImageManifest, mustJSON(manifest))
	m.Descriptor.Platform = &platform
	return m
}

// Index makes an index with an image for each platform.
func Index(seed string, platforms []ocispec.Platform, opts *Options) Manifest {
	var m Manifest
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{}}
	for _, p := range platforms {
		child := Image(seed, p, opts)
		m.Manifests = append(m.Manifests, child)
		index.Manifests = append(index.Manifests, child.Descriptor)
	}
	m.Blob = blob(ocispec.MediaTypeImageIndex, mustJSON(index))
	return m
}

// Artifact makes a manifest of the given artifact type with one small layer,
// which refers to subject (a signature or an SBOM, say). A nil subject makes an
// artifact without a subject.
func Artifact(seed, artifactType string, subject *ocispec.Descriptor) Manifest {
	config := blob(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	content := blob("application/octet-stream", stream(seed+"\x00"+artifactType, 64))
	if subject != nil {
		// A subject is a plain descriptor: platform and data do not belong to it.
		subject = &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	}
	m := Manifest{Blobs: []Blob{config, content}}
	m.Blob = blob(ocispec.MediaTypeImageManifest, mustJSON(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       config.Descriptor, Layers: []ocispec.Descriptor{content.Descriptor}, Subject: subject,
	}))
	m.Descriptor.ArtifactType = artifactType
	return m
}

// platformWord limits what a platform may contain: it goes into file contents,
// JSON and messages.
var platformWord = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,31}$`)

// ParsePlatform reads OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT.
func ParsePlatform(s string) (ocispec.Platform, error) {
	parts := strings.Split(s, "/")
	ok := len(parts) == 2 || len(parts) == 3
	for _, p := range parts {
		ok = ok && platformWord.MatchString(p)
	}
	if !ok {
		if len(s) > 100 {
			s = s[:100] + "…"
		}
		return ocispec.Platform{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a platform",
			Reason: fmt.Sprintf("%q is not of the form linux/amd64 or linux/arm/v7", s)}
	}
	p := ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// PlatformString returns the platform as [ParsePlatform] reads it.
func PlatformString(p ocispec.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

func blob(mediaType string, data []byte) Blob {
	return Blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("imagegen: " + err.Error()) // structs of strings and numbers always marshal
	}
	return b
}

// layer returns a tar file: a directory, a script and pseudo-random data.
func layer(seed string, number, size int) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	dir := "app/"
	if number > 0 {
		dir = fmt.Sprintf("app/layer%d/", number)
	}
	add := func(name string, mode int64, kind byte, data []byte) {
		// A fixed format: the writer would otherwise choose one by itself.
		h := &tar.Header{Name: name, Mode: mode, Typeflag: kind, Size: int64(len(data)), Format: tar.FormatUSTAR}
		h.ModTime = time.Unix(createdUnix, 0).UTC()
		if err := w.WriteHeader(h); err != nil {
			panic("imagegen: " + err.Error()) // a bytes.Buffer does not fail
		}
		if _, err := w.Write(data); err != nil {
			panic("imagegen: " + err.Error())
		}
	}
	add(dir, 0o755, tar.TypeDir, nil)
	add(dir+"run", 0o755, tar.TypeReg, []byte("#!/bin/sh\necho generated image\n"))
	add(dir+"data", 0o644, tar.TypeReg, stream(seed, size))
	if err := w.Close(); err != nil {
		panic("imagegen: " + err.Error())
	}
	return buf.Bytes()
}

// stream returns n bytes that depend on the seed alone.
func stream(seed string, n int) []byte {
	out := make([]byte, 0, n+sha256.Size)
	var counter [8]byte
	for i := uint64(0); len(out) < n; i++ {
		binary.BigEndian.PutUint64(counter[:], i)
		sum := sha256.Sum256(append(counter[:], seed...))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// gzipStored wraps data in gzip (RFC 1952) with stored deflate blocks (RFC 1951
// §3.2.4). The standard library's compressor may find better encodings in later
// versions, which would change every digest.
func gzipStored(data []byte) []byte {
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	const most = 0xffff
	for rest := data; ; {
		block := rest[:min(most, len(rest))]
		rest = rest[len(block):]
		final := byte(0)
		if len(rest) == 0 {
			final = 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(block)))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(len(block)))
		out = append(out, block...)
		if final == 1 {
			break
		}
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	return binary.LittleEndian.AppendUint32(out, uint32(len(data)))
}
