package acrtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/imagegen"
)

// setupToken is the token with which Push fills the registry.
const setupToken = "acrtest-setup"

// Image is content that was pushed.
type Image struct {
	Repository string
	Tags       []string
	MediaType  string
	Digest     string   // "sha256:…"
	Manifest   []byte   // or index, as it was pushed
	Blobs      []string // digests of config and layers; an index's are its manifests'
	Manifests  []string // digests of an index's manifests
}

// Push pushes a generated image for linux/amd64 under the given tags; without a tag
// it can be had by digest alone. The same repository and tags make the same bytes.
func (r *Registry) Push(repository string, tags ...string) Image {
	r.tb.Helper()
	return r.push(repository, tags,
		imagegen.Image(seedText(repository, tags), ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil))
}

// PushIndex pushes a generated index with an image for each platform, such as
// linux/arm64.
func (r *Registry) PushIndex(repository string, platforms []string, tags ...string) Image {
	r.tb.Helper()
	var list []ocispec.Platform
	for _, s := range platforms {
		p, err := imagegen.ParsePlatform(s)
		if err != nil {
			r.tb.Fatalf("acrtest: %v", err)
		}
		list = append(list, p)
	}
	return r.push(repository, tags, imagegen.Index(seedText(repository, tags), list, nil))
}

// PushArtifact pushes a small artifact that refers to subject, such as a signature.
func (r *Registry) PushArtifact(subject Image, artifactType string) Image {
	r.tb.Helper()
	d := imagegen.Artifact(subject.Digest, artifactType, &ocispec.Descriptor{MediaType: subject.MediaType,
		Digest: digest.Digest(subject.Digest), Size: int64(len(subject.Manifest))})
	return r.push(subject.Repository, nil, d)
}

func seedText(repository string, tags []string) string { return fmt.Sprint(repository, tags) }

func (r *Registry) push(repository string, tags []string, m imagegen.Manifest) Image {
	r.tb.Helper()
	img := Image{Repository: repository, Tags: tags, MediaType: m.Descriptor.MediaType,
		Digest: m.Descriptor.Digest.String(), Manifest: m.Data}
	err := m.Walk(func(x imagegen.Manifest) error {
		for _, b := range x.Blobs {
			img.Blobs = append(img.Blobs, b.Descriptor.Digest.String())
			if err := r.putBlob(repository, b); err != nil {
				return err
			}
		}
		refs := []string{x.Descriptor.Digest.String()}
		if x.Descriptor.Digest == m.Descriptor.Digest {
			refs = append(refs, tags...)
		} else {
			img.Manifests = append(img.Manifests, x.Descriptor.Digest.String())
		}
		for _, ref := range refs {
			if err := r.send(http.MethodPut, "/v2/"+repository+"/manifests/"+ref, x.Descriptor.MediaType, x.Data,
				http.StatusCreated, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.tb.Fatalf("acrtest: push %s: %v", repository, err)
	}
	return img
}

func (r *Registry) putBlob(repository string, b imagegen.Blob) error {
	var location string
	if err := r.send(http.MethodPost, "/v2/"+repository+"/blobs/uploads/", "", nil, http.StatusAccepted,
		&location); err != nil {
		return err
	}
	u, err := url.Parse(location)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("digest", b.Descriptor.Digest.String())
	u.RawQuery = q.Encode()
	return r.send(http.MethodPut, u.RequestURI(), "application/octet-stream", b.Data, http.StatusCreated, nil)
}

// send makes one request of the setup; where location is not nil, it is set to the
// answer's.
func (r *Registry) send(method, target, contentType string, body []byte, want int, location *string) error {
	req, err := http.NewRequestWithContext(r.tb.Context(), method, r.URL()+target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := r.setupTransport().RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("%s %s: %s, want %d: %s", method, target, resp.Status, want, bytes.TrimSpace(text))
	}
	if location != nil {
		*location = resp.Header.Get("Location")
	}
	return nil
}

// setupTransport returns the transport of a token that may do everything. Its
// requests are not in the request log, which is the test's.
func (r *Registry) setupTransport() *auth.Transport {
	r.tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.setup == nil {
		token := r.TokenOf(setupToken, "_repositories_admin")
		t, err := auth.NewTransport(r.host, token.Credential(), &auth.Options{Base: marked{r.base}})
		if err != nil {
			r.tb.Fatalf("acrtest: %v", err)
		}
		r.tb.Cleanup(func() { _ = t.Close() })
		r.setup = t
	}
	return r.setup
}
