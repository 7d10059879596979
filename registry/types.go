package registry

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/acrkit/acrkit"
)

// Attributes say what may be done with an item: its locks. An attribute that the
// service's answer lacks counts as true, which is what a new item has.
//
// Delete or Write false forbids deleting, Write false forbids overwriting a tag,
// Read false forbids pulling, List false hides the item from lists. The
// attributes of a tag and of its manifest are independent (Microsoft, "Lock a
// container image").
type Attributes struct {
	Delete bool `json:"deleteEnabled"`
	Write  bool `json:"writeEnabled"`
	List   bool `json:"listEnabled"`
	Read   bool `json:"readEnabled"`
}

// AttributeChange says which attributes to set. nil leaves one as it is.
type AttributeChange struct {
	Delete *bool `json:"deleteEnabled,omitempty"`
	Write  *bool `json:"writeEnabled,omitempty"`
	List   *bool `json:"listEnabled,omitempty"`
	Read   *bool `json:"readEnabled,omitempty"`
}

// RepositoryProperties describe a repository. Fields that the answer lacks are
// zero.
type RepositoryProperties struct {
	Name           string
	CreatedTime    time.Time
	LastUpdateTime time.Time
	ManifestCount  int
	TagCount       int
	Attributes     Attributes
}

// Tag describes a tag. Fields that the answer lacks are zero.
type Tag struct {
	Name           string
	Digest         string // of the manifest it points to
	CreatedTime    time.Time
	LastUpdateTime time.Time
	Attributes     Attributes
}

// Manifest describes a manifest. Fields that the answer lacks are zero: an index
// has no Architecture, an untagged manifest no Tags, and References come only
// with a single manifest that is an index, not with lists.
type Manifest struct {
	Digest          string
	MediaType       string
	ConfigMediaType string
	ArtifactType    string
	Architecture    string
	OS              string
	Size            int64 // bytes; for an index the service has changed what it counts
	CreatedTime     time.Time
	LastUpdateTime  time.Time
	Tags            []string
	References      []Reference
	Attributes      Attributes
}

// Reference is a manifest that an index holds.
type Reference struct {
	Digest       string `json:"digest"`
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// DeletedRepository lists what was deleted with a repository.
type DeletedRepository struct {
	Manifests []string // digests
	Tags      []string
}

// Callers use the names in an answer in paths, file names and shells. They must have the
// forms of the specification.

func malformedRepository(name string) string {
	if acrkit.CheckRepositoryName(name) != nil {
		return fmt.Sprintf("%q where the name of a repository belongs", clip(name))
	}
	return ""
}

func malformedTag(name string) string {
	if !acrkit.IsTag(name) {
		return fmt.Sprintf("%q where a tag belongs", clip(name))
	}
	return ""
}

func malformedDigest(digest string) string {
	if !acrkit.IsDigest(digest) {
		return fmt.Sprintf("%q where a digest belongs", clip(digest))
	}
	return ""
}

func (t Tag) malformed() string {
	if why := malformedTag(t.Name); why != "" || t.Digest == "" {
		return why
	}
	return malformedDigest(t.Digest)
}

func (m Manifest) malformed() string {
	if why := malformedDigest(m.Digest); why != "" {
		return why
	}
	for _, tag := range m.Tags {
		if why := malformedTag(tag); why != "" {
			return why
		}
	}
	for _, r := range m.References {
		if why := malformedDigest(r.Digest); why != "" {
			return why
		}
	}
	return ""
}

func (d DeletedRepository) malformed() string {
	for _, digest := range d.Manifests {
		if why := malformedDigest(digest); why != "" {
			return why
		}
	}
	for _, tag := range d.Tags {
		if why := malformedTag(tag); why != "" {
			return why
		}
	}
	return ""
}

// The wire forms. Everything may be absent.

type wireTime time.Time

// UnmarshalJSON reads RFC 3339 with any number of fractional digits (the service
// cuts trailing zeros); text it cannot read becomes the zero time, because a
// list must not fail for a date.
func (t *wireTime) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		if v, err := time.Parse(time.RFC3339Nano, s); err == nil {
			*t = wireTime(v.UTC())
		}
	}
	return nil
}

type wireAttributes struct {
	Delete *bool `json:"deleteEnabled"`
	Write  *bool `json:"writeEnabled"`
	List   *bool `json:"listEnabled"`
	Read   *bool `json:"readEnabled"`
}

func (w *wireAttributes) value() Attributes {
	on := func(b *bool) bool { return b == nil || *b }
	if w == nil {
		return Attributes{true, true, true, true}
	}
	return Attributes{Delete: on(w.Delete), Write: on(w.Write), List: on(w.List), Read: on(w.Read)}
}

type wireRepository struct {
	Name           string          `json:"imageName"`
	CreatedTime    wireTime        `json:"createdTime"`
	LastUpdateTime wireTime        `json:"lastUpdateTime"`
	ManifestCount  int             `json:"manifestCount"`
	TagCount       int             `json:"tagCount"`
	Attributes     *wireAttributes `json:"changeableAttributes"`
}

func (w wireRepository) value() RepositoryProperties {
	return RepositoryProperties{w.Name, time.Time(w.CreatedTime), time.Time(w.LastUpdateTime), w.ManifestCount,
		w.TagCount, w.Attributes.value()}
}

type wireTag struct {
	Name           string          `json:"name"`
	Digest         string          `json:"digest"`
	CreatedTime    wireTime        `json:"createdTime"`
	LastUpdateTime wireTime        `json:"lastUpdateTime"`
	Attributes     *wireAttributes `json:"changeableAttributes"`
}

func (w wireTag) value() Tag {
	return Tag{w.Name, w.Digest, time.Time(w.CreatedTime), time.Time(w.LastUpdateTime), w.Attributes.value()}
}

type wireManifest struct {
	Digest          string          `json:"digest"`
	MediaType       string          `json:"mediaType"`
	ConfigMediaType string          `json:"configMediaType"`
	ArtifactType    string          `json:"artifactType"`
	Architecture    string          `json:"architecture"`
	OS              string          `json:"os"`
	Size            int64           `json:"imageSize"`
	CreatedTime     wireTime        `json:"createdTime"`
	LastUpdateTime  wireTime        `json:"lastUpdateTime"`
	Tags            []string        `json:"tags"`
	References      []Reference     `json:"references"`
	Attributes      *wireAttributes `json:"changeableAttributes"`
}

func (w wireManifest) value() Manifest {
	return Manifest{
		Digest: w.Digest, MediaType: w.MediaType, ConfigMediaType: w.ConfigMediaType, ArtifactType: w.ArtifactType,
		Architecture: w.Architecture, OS: w.OS, Size: w.Size,
		CreatedTime: time.Time(w.CreatedTime), LastUpdateTime: time.Time(w.LastUpdateTime),
		Tags: w.Tags, References: w.References, Attributes: w.Attributes.value(),
	}
}

type wireTagEnvelope struct {
	Tag *wireTag `json:"tag"`
}

type wireManifestEnvelope struct {
	Manifest *wireManifest `json:"manifest"`
}

type wireDeleted struct {
	Manifests []string `json:"manifestsDeleted"`
	Tags      []string `json:"tagsDeleted"`
}

// The pages. The other fields distinguish an empty list from an answer that is not a page.

type catalogPage struct {
	Repositories *[]string `json:"repositories"`
}

type tagPage struct {
	Name string     `json:"imageName"`
	Tags *[]wireTag `json:"tags"`
}

type manifestPage struct {
	Name      string          `json:"imageName"`
	Manifests *[]wireManifest `json:"manifests"`
}
