package registry

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
)

// maxManifest is the largest manifest that is read: the OCI distribution
// specification 1.1 asks registries to take at least 4 MiB, and clients refuse
// more.
const maxManifest = 4 << 20

// manifestTypes are the media types that are asked for. ACR answers 404 for a manifest
// whose OCI type is not named, "*/*" or not.
var manifestTypes = strings.Join([]string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.oci.image.manifest.v1+json",
	//rule:accept-manifest-types
	"application/vnd.oci.artifact.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"*/*;q=0.1",
}, ", ")

// Content is a manifest as it was pushed.
type Content struct {
	Data      []byte
	MediaType string
	Digest    string // of Data, checked
}

// ManifestContent returns a manifest itself, by tag or digest, byte for byte. It
// needs content/read on the repository. A digest that was asked for, or that the
// registry states, is checked.
func (c *Client) ManifestContent(ctx context.Context, repository, reference string) (Content, error) {
	q := call{
		op: fmt.Sprintf("read the manifest %s of %q", clip(reference), clip(repository)), method: http.MethodGet,
		accept: []int{http.StatusOK}, media: manifestTypes, limit: maxManifest,
	}
	if err := acrkit.CheckRepositoryName(repository); err != nil {
		return Content{}, err
	}
	if !acrkit.IsTag(reference) && !acrkit.IsDigest(reference) {
		return Content{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: q.op, Registry: c.reg,
			Reason: "this is neither a tag nor a digest (sha256:…)"}
	}
	q.path = "/v2/" + repository + "/manifests/" + reference
	a, err := c.do(ctx, q, nil)
	if err != nil {
		return Content{}, err
	}
	want := a.header.Get("Docker-Content-Digest")
	if acrkit.IsDigest(reference) {
		want = reference
	}
	got := digestLike(want, a.body)
	if want != "" && got != want {
		return Content{}, c.broken(q, a, acrkit.CodeProtocol, fmt.Sprintf("its digest is %s, not %s", got, clip(want)))
	}
	return Content{a.body, a.header.Get("Content-Type"), got}, nil
}

// digestLike returns the digest of data by the algorithm of want, or by SHA-256 if that
// is not known.
func digestLike(want string, data []byte) string {
	if strings.HasPrefix(want, "sha512:") {
		sum := sha512.Sum512(data)
		return "sha512:" + hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
