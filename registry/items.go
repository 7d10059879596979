package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/acrkit/acrkit"
)

// Repository returns a repository's properties. It needs metadata/read on it.
func (c *Client) Repository(ctx context.Context, name string) (RepositoryProperties, error) {
	return c.repository(ctx, call{op: fmt.Sprintf("read the repository %q", clip(name)), method: http.MethodGet}, name)
}

// UpdateRepository sets attributes of a repository and returns its properties.
// It needs metadata/write on it.
func (c *Client) UpdateRepository(ctx context.Context, name string,
	change AttributeChange) (RepositoryProperties, error) {
	q, err := c.patch(fmt.Sprintf("change attributes of the repository %q", clip(name)), change)
	if err != nil {
		return RepositoryProperties{}, err
	}
	return c.repository(ctx, q, name)
}

func (c *Client) repository(ctx context.Context, q call, name string) (RepositoryProperties, error) {
	if err := acrkit.CheckRepositoryName(name); err != nil {
		return RepositoryProperties{}, err
	}
	q.path = "/acr/v1/" + name
	var w wireRepository
	if err := c.object(ctx, q, &w, func() string { return malformedRepository(w.Name) }); err != nil {
		return RepositoryProperties{}, err
	}
	return w.value(), nil
}

// DeleteRepository deletes a repository with all its manifests and tags, and returns
// them. If the answer cannot be read, it returns none, without an error, because the
// repository is deleted. It needs content/delete on it.
func (c *Client) DeleteRepository(ctx context.Context, name string) (DeletedRepository, error) {
	if err := acrkit.CheckRepositoryName(name); err != nil {
		return DeletedRepository{}, err
	}
	q := call{op: fmt.Sprintf("delete the repository %q", name), method: http.MethodDelete,
		path: "/acr/v1/" + name, accept: deleted}
	a, err := c.do(ctx, q, nil)
	if err != nil {
		return DeletedRepository{}, err
	}
	var w wireDeleted
	if err := json.Unmarshal(a.body, &w); err != nil || DeletedRepository(w).malformed() != "" {
		return DeletedRepository{}, nil //nolint:nilerr // it is deleted, even if the answer's body cannot be read
	}
	return DeletedRepository(w), nil
}

// Tag returns a tag. It needs metadata/read on the repository.
func (c *Client) Tag(ctx context.Context, repository, tag string) (Tag, error) {
	return c.tag(ctx, call{op: fmt.Sprintf("read the tag %q of %q", clip(tag), clip(repository)),
		method: http.MethodGet}, repository, tag)
}

// UpdateTag sets attributes of a tag and returns it. It needs metadata/write on
// the repository. The manifest's own attributes stay as they are.
func (c *Client) UpdateTag(ctx context.Context, repository, tag string, change AttributeChange) (Tag, error) {
	q, err := c.patch(fmt.Sprintf("change attributes of the tag %q of %q", clip(tag), clip(repository)), change)
	if err != nil {
		return Tag{}, err
	}
	return c.tag(ctx, q, repository, tag)
}

func (c *Client) tag(ctx context.Context, q call, repository, tag string) (Tag, error) {
	if err := c.checkTag(q.op, repository, tag); err != nil {
		return Tag{}, err
	}
	q.path = "/acr/v1/" + repository + "/_tags/" + tag
	var w wireTagEnvelope
	if err := c.object(ctx, q, &w, func() string {
		if w.Tag == nil {
			return "no tag"
		}
		return w.Tag.value().malformed()
	}); err != nil {
		return Tag{}, err
	}
	return w.Tag.value(), nil
}

// DeleteTag removes a tag and leaves the manifest it points to. It needs
// content/delete on the repository.
func (c *Client) DeleteTag(ctx context.Context, repository, tag string) error {
	q := call{op: fmt.Sprintf("delete the tag %q of %q", clip(tag), clip(repository)),
		method: http.MethodDelete, accept: deleted}
	if err := c.checkTag(q.op, repository, tag); err != nil {
		return err
	}
	q.path = "/acr/v1/" + repository + "/_tags/" + tag
	_, err := c.do(ctx, q, nil)
	return err
}

// Manifest returns a manifest's properties, by its digest. It needs
// metadata/read on the repository.
func (c *Client) Manifest(ctx context.Context, repository, digest string) (Manifest, error) {
	return c.manifest(ctx, call{op: fmt.Sprintf("read the manifest %s of %q", clip(digest), clip(repository)),
		method: http.MethodGet}, repository, digest)
}

// UpdateManifest sets attributes of a manifest and returns it. It needs
// metadata/write on the repository. Tags keep their own attributes.
func (c *Client) UpdateManifest(ctx context.Context, repository, digest string,
	change AttributeChange) (Manifest, error) {
	q, err := c.patch(fmt.Sprintf("change attributes of the manifest %s of %q", clip(digest), clip(repository)), change)
	if err != nil {
		return Manifest{}, err
	}
	return c.manifest(ctx, q, repository, digest)
}

func (c *Client) manifest(ctx context.Context, q call, repository, digest string) (Manifest, error) {
	if err := c.checkDigest(q.op, repository, digest); err != nil {
		return Manifest{}, err
	}
	q.path = "/acr/v1/" + repository + "/_manifests/" + digest
	var w wireManifestEnvelope
	if err := c.object(ctx, q, &w, func() string {
		if w.Manifest == nil {
			return "no manifest"
		}
		return w.Manifest.value().malformed()
	}); err != nil {
		return Manifest{}, err
	}
	return w.Manifest.value(), nil
}

// DeleteManifest deletes a manifest with all its tags, by its digest. It needs
// content/delete on the repository. The children of an index stay.
func (c *Client) DeleteManifest(ctx context.Context, repository, digest string) error {
	q := call{op: fmt.Sprintf("delete the manifest %s of %q", clip(digest), clip(repository)),
		method: http.MethodDelete, accept: deleted}
	if err := c.checkDigest(q.op, repository, digest); err != nil {
		return err
	}
	q.path = "/v2/" + repository + "/manifests/" + digest
	_, err := c.do(ctx, q, nil)
	return err
}

// deleted are the statuses of a successful delete; recorded is 202.
var deleted = []int{http.StatusAccepted, http.StatusOK, http.StatusNoContent}

func (c *Client) checkTag(op, repository, tag string) error {
	if err := acrkit.CheckRepositoryName(repository); err != nil {
		return err
	}
	if !acrkit.IsTag(tag) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Registry: c.reg, Reason: "this is not a tag"}
	}
	return nil
}

func (c *Client) checkDigest(op, repository, digest string) error {
	if err := acrkit.CheckRepositoryName(repository); err != nil {
		return err
	}
	if !acrkit.IsDigest(digest) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Registry: c.reg, Reason: "this is not a digest (sha256:…)"}
	}
	return nil
}

func (c *Client) patch(op string, change AttributeChange) (call, error) {
	if change == (AttributeChange{}) {
		return call{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Registry: c.reg, Reason: "no attribute was named"}
	}
	body, err := json.Marshal(change)
	if err != nil {
		return call{}, err
	}
	return call{op: op, method: http.MethodPatch, body: body}, nil
}

// object sends a call and reads the object in its answer. check then says what is wrong
// with the object, or "".
func (c *Client) object(ctx context.Context, q call, into any, check func() string) error {
	q.accept = []int{http.StatusOK}
	a, err := c.do(ctx, q, nil)
	if err != nil {
		return err
	}
	why := ""
	if err := json.Unmarshal(a.body, into); err != nil {
		why = clip(err.Error())
	} else if bad := check(); bad != "" {
		why = "it has " + bad
	} else {
		return nil
	}
	return c.broken(q, a, acrkit.CodeProtocol, "the answer does not have the form of the API: "+why)
}
