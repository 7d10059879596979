package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Referrer describes a manifest that names another one as its subject: a signature, say.
// Fields that the answer lacks are zero.
type Referrer struct {
	Digest       string `json:"digest"`
	MediaType    string `json:"mediaType"`
	ArtifactType string `json:"artifactType"`
	Size         int64  `json:"size"` // bytes of the manifest
}

// Referrers lists the manifests whose subject is the manifest with the digest (OCI
// distribution specification 1.1, "Listing Referrers"); a manifest that does not exist has
// none. It needs content/read on the repository. Of the options only the limit counts.
func (c *Client) Referrers(ctx context.Context, repository, digest string,
	opts *ListOptions) iter.Seq2[Referrer, error] {
	l := lister[Referrer]{
		c: c, op: fmt.Sprintf("list the referrers of %s in %q", clip(digest), clip(repository)), repository: repository,
		path: "/v2/" + repository + "/referrers/" + digest, opts: ListOptions{Limit: options(opts).Limit},
		media: "application/vnd.oci.image.index.v1+json", linkDecides: true,
		decode: func(body []byte) ([]Referrer, error) {
			var page struct {
				Manifests *[]Referrer `json:"manifests"`
			}
			if err := json.Unmarshal(body, &page); err != nil {
				return nil, err
			}
			if page.Manifests == nil && !hasKey(body, "manifests") {
				return nil, errors.New("it has no list of manifests")
			}
			return deref(page.Manifests), nil
		},
		name:      func(r Referrer) string { return r.Digest },
		malformed: func(r Referrer) string { return malformedDigest(r.Digest) },
	}
	return func(yield func(Referrer, error) bool) {
		if err := c.checkDigest(l.op, repository, digest); err != nil {
			yield(Referrer{}, err)
			return
		}
		l.all(ctx)(yield)
	}
}
