package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/exactjson"
)

// The media types of manifests that are taken. Docker's schema 1 is not: the
// service's list of supported formats had it in 2019 and has not since 2021.
const (
	OCIManifest = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex    = "application/vnd.oci.image.index.v1+json"
	// OCIArtifact is of a release candidate of OCI image 1.1; the service documented
	// it for artifacts, and old tools still push it.
	OCIArtifact = "application/vnd.oci.artifact.manifest.v1+json"

	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// maxReferences is the most blobs or children one manifest names; a manifest of
// [MaxManifest] bytes holds fewer than this, so that it bounds nothing real.
const maxReferences = MaxManifest / 80

type descriptor struct {
	MediaType string   `json:"mediaType"`
	Digest    string   `json:"digest"`
	Size      int64    `json:"size"`
	URLs      []string `json:"urls"`
	Platform  struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	} `json:"platform"`
}

// external reports whether the content of a layer may live elsewhere.
func (d descriptor) external() bool {
	return d.MediaType == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" ||
		strings.HasPrefix(d.MediaType, "application/vnd.oci.image.layer.nondistributable.")
}

// parsed is what the store keeps of a manifest besides its bytes.
type parsed struct {
	mediaType string
	config    *descriptor
	blobs     []descriptor // config included, external layers not
	children  []descriptor
	// imageSize is the sum of the layers: a pushed image of one layer with 2479
	// bytes and a config with 1469 had 2479 (recorded in 2023). An index's is summed
	// up later; without a config that is JSON it is 0.
	imageSize    int64
	subject      string
	artifactType string
	annotations  string // JSON, "" for none

	// What the config says, if it is JSON; see readConfig.
	configType, architecture, os string

	stored map[string]int64 // sizes of the files of blobs, by digest; see storedSizes
}

// parseManifest checks a manifest's form. contentType is the request's; "" takes
// the manifest's own word.
//
// Sources: OCI image specification 1.1 (manifest, index), Docker's image manifest
// version 2 schema 2.
func parseManifest(contentType string, body []byte) (*parsed, error) {
	bad := func(format string, args ...any) error {
		return &Error{Kind: ManifestInvalid, Reason: fmt.Sprintf(format, args...)}
	}
	if len(body) > MaxManifest {
		return nil, &Error{Kind: ManifestTooLarge, Reason: fmt.Sprintf("it is larger than %d bytes", MaxManifest)}
	}
	var m struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType"`
		Config        *descriptor       `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Blobs         []descriptor      `json:"blobs"`
		Manifests     []descriptor      `json:"manifests"`
		Subject       *descriptor       `json:"subject"`
		Annotations   map[string]string `json:"annotations"`
	}
	// Keys to the letter: what one client takes for a layer and another does not
	// see would be collected, or missing, for one of them.
	//rule:exact-keys-parse-manifest
	err := exactjson.Unmarshal(body, &m)
	if err == nil && !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		err = errors.New("it is another value")
	}
	if err != nil {
		return nil, bad("it is not a JSON object of a manifest's form: %v", err)
	}
	p := &parsed{mediaType: m.MediaType}
	if contentType != "" {
		t, _, err := mime.ParseMediaType(contentType)
		if err != nil {
			return nil, bad("the Content-Type cannot be read")
		}
		if m.MediaType != "" && m.MediaType != t {
			return nil, bad("the Content-Type is %s, the manifest says %s", t, m.MediaType)
		}
		p.mediaType = t
	}
	isIndex := false
	switch p.mediaType {
	case dockerManifest, dockerList:
		if m.MediaType == "" {
			return nil, bad("it has no mediaType")
		}
		isIndex = p.mediaType == dockerList
	case OCIManifest, OCIArtifact:
	case OCIIndex:
		isIndex = true
	case "":
		return nil, bad("neither a Content-Type nor a mediaType says what it is")
	default:
		return nil, bad("the media type %q is not supported", p.mediaType)
	}
	// A document that is both an image and an index means different things to
	// different clients (CVE-2021-41190).
	switch {
	case isIndex && (m.Config != nil || m.Layers != nil):
		return nil, bad("an index has no config or layers")
	case !isIndex && m.Manifests != nil:
		return nil, bad("only an index has manifests")
	case p.mediaType != OCIArtifact && m.SchemaVersion != 2:
		return nil, bad("its schemaVersion is %d, not 2", m.SchemaVersion)
	}
	p.artifactType = m.ArtifactType
	layers := m.Layers
	switch {
	case p.mediaType == OCIArtifact:
		layers = m.Blobs
	case !isIndex:
		if m.Config == nil {
			return nil, bad("it has no config")
		}
		p.config = m.Config
		p.blobs = append(p.blobs, *m.Config)
		if p.artifactType == "" {
			p.artifactType = m.Config.MediaType
		}
	}
	if len(layers)+len(m.Manifests) > maxReferences {
		return nil, bad("it names more than %d things", maxReferences)
	}
	check := func(what string, d descriptor) error {
		switch {
		case !acrkit.IsDigest(d.Digest):
			return bad("the digest of its %s cannot be read", what)
		case d.Size < 0:
			return bad("the size of its %s is negative", what)
		}
		return nil
	}
	if p.config != nil {
		if err := check("config", *p.config); err != nil {
			return nil, err
		}
	}
	for _, d := range layers {
		if err := check("layer", d); err != nil {
			return nil, err
		}
		if p.imageSize += d.Size; p.imageSize < 0 {
			return nil, bad("its sizes have no sum")
		}
		if !d.external() {
			p.blobs = append(p.blobs, d)
		}
	}
	if isIndex {
		for _, d := range m.Manifests {
			if err := check("manifest", d); err != nil {
				return nil, err
			}
		}
		p.children = m.Manifests
	}
	if m.Subject != nil {
		if !acrkit.IsDigest(m.Subject.Digest) {
			return nil, bad("the digest of its subject cannot be read")
		}
		p.subject = m.Subject.Digest
	}
	if len(m.Annotations) > 0 {
		a, err := json.Marshal(m.Annotations)
		if err != nil {
			return nil, bad("its annotations cannot be read")
		}
		p.annotations = string(a)
	}
	return p, nil
}
