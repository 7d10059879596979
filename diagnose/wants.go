package diagnose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/registry"
)

// scope is what a want requires. A push needs content/read, too (recorded).
func (w Want) scope() acrkit.Scope {
	if w.Action == acrkit.ContentWrite {
		return acrkit.RepositoryScope(w.Repository, acrkit.ContentRead, acrkit.ContentWrite)
	}
	return acrkit.RepositoryScope(w.Repository, w.Action)
}

func (w Want) String() string { return fmt.Sprintf("%s on %q", w.Action, w.Repository) }

// wants looks at each want: granted, the operation, locks, the data endpoint.
func (d *doctor) wants(ctx context.Context, yield func(Step) bool) bool {
	for _, w := range d.check.Wants {
		d.now = w
		if err := acrkit.CheckRepositoryName(w.Repository); err != nil {
			if !yield(d.failed(ctx, "rights", Failed,
				verdict(cause.RepositoryNameWrong, Proved,
					fmt.Sprintf("%q can be no repository", clip(w.Repository))))) {
				return false
			}
			continue
		}
		if !d.want(ctx, w, yield) {
			return false
		}
	}
	return true
}

// want yields the steps of one want; false ends the run, because the caller has
// had enough.
func (d *doctor) want(ctx context.Context, w Want, yield func(Step) bool) bool {
	scope := w.scope()
	d.required, d.repository, d.target = scope, w.Repository, w.Target
	d.a.Required, d.a.Target = scope, w.Target
	token, err := d.check.Transport.Token(ctx, scope)
	if err != nil {
		return yield(d.explained(ctx, "rights", err, scope, w.Target))
	}
	switch {
	case token.Granted == nil:
		if !yield(d.step("rights", Warning, w.String()+": what the token was granted is not known", nil)) {
			return false
		}
	case !token.Granted.Contains(scope):
		d.granted, d.facts.challenge.Error = token.Granted, ""
		x := d.examine(d.a)
		x.granted = token.Granted
		found := x.finish(ctx, x.rights(ctx))
		d.probes = append(d.probes, x.probes...)
		return yield(d.step("rights", Failed, w.String()+": "+found.Title(), &found))
	default:
		if !yield(d.step("rights", OK, w.String()+" is granted", nil)) {
			return false
		}
	}
	c := d.client()
	if c == nil {
		return yield(d.step("operation", Skipped, "requests are forbidden", nil))
	}
	switch w.Action {
	case acrkit.ContentRead:
		return d.pull(ctx, c, w, yield)
	case acrkit.MetadataRead:
		return d.list(ctx, c, w, yield)
	}
	return yield(d.step("operation", Skipped, w.String()+": a write is only compared with what is granted", nil)) &&
		d.locks(ctx, c, w, yield)
}

// list reads the repository's properties.
func (d *doctor) list(ctx context.Context, c *registry.Client, w Want, yield func(Step) bool) bool {
	if !d.spend() {
		return yield(d.step("operation", Skipped, spent, nil))
	}
	_, err := c.Repository(ctx, w.Repository)
	d.look("the repository", "/acr/v1/"+w.Repository, err)
	if err != nil {
		return yield(d.explained(ctx, "operation", err, w.scope(), ""))
	}
	return yield(d.step("operation", OK, fmt.Sprintf("the properties of %q can be read", w.Repository), nil))
}

const spent = "no more requests are made: see MaxRequests"

// pull reads a manifest, and asks where a blob of it is.
func (d *doctor) pull(ctx context.Context, c *registry.Client, w Want, yield func(Step) bool) bool {
	target := w.Target
	if target == "" {
		target = d.anyTag(ctx, c, w.Repository)
	}
	if target == "" || !d.spend() {
		return yield(d.step("operation", Skipped, "no tag is named, and none could be found to try", nil))
	}
	d.target = target
	content, err := c.ManifestContent(ctx, w.Repository, target)
	d.look(target, "/v2/"+w.Repository+"/manifests/"+target, err)
	if err != nil {
		return yield(d.explained(ctx, "operation", err, w.scope(), target))
	}
	return yield(d.step("operation", OK, fmt.Sprintf("%s of %q can be read", target, w.Repository), nil)) &&
		d.data(ctx, content, w, yield)
}

// anyTag returns a tag to try, where the credential may list tags.
func (d *doctor) anyTag(ctx context.Context, c *registry.Client, repository string) string {
	token, err := d.check.Transport.Token(ctx, acrkit.RepositoryScope(repository, acrkit.MetadataRead))
	if err != nil || token.Granted == nil || token.Granted.IsEmpty() || !d.spend() {
		return ""
	}
	for tag, err := range c.Tags(ctx, repository, &registry.ListOptions{Limit: 1}) {
		d.look("a tag", "/acr/v1/"+repository+"/_tags?n=1", err)
		if err == nil {
			return tag.Name
		}
		return ""
	}
	return ""
}

// data asks for the first byte of a blob and looks where it comes from.
func (d *doctor) data(ctx context.Context, content registry.Content, w Want, yield func(Step) bool) bool {
	digest := blobOf(content.Data)
	if digest == "" || !d.spend() {
		return yield(d.step("data-endpoint", Skipped, "the manifest names no blob to ask for", nil))
	}
	ctx, cancel := d.probing(ctx)
	defer cancel()
	u := &url.URL{Scheme: d.scheme(), Host: d.reg.Host(), Path: "/v2/" + w.Repository + "/blobs/" + digest}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return yield(d.step("data-endpoint", Skipped, err.Error(), nil))
	}
	req.Header.Set("Range", "bytes=0-0")
	resp, err := d.check.Transport.RoundTrip(req)
	p := Probe{What: "ask for the first byte of a blob", Method: http.MethodGet, URL: redact.URL(u)}
	if err != nil {
		p.Result = resultOf("", err)
		d.note(p)
		return yield(d.explained(ctx, "data-endpoint", err, w.scope(), ""))
	}
	p.Status, p.Result = resp.StatusCode, http.StatusText(resp.StatusCode)
	d.note(p)
	if resp.StatusCode >= 400 {
		return yield(d.explained(ctx, "data-endpoint",
			d.check.Transport.ResponseError(resp, "read a blob"), w.scope(), ""))
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 300 {
		return yield(d.step("data-endpoint", OK, "blobs come from the registry itself", nil))
	}
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Host == "" {
		return yield(d.failed(ctx, "data-endpoint", Failed,
			verdict(cause.Protocol, Proved, "the registry redirects to nowhere")))
	}
	if err := d.reach(ctx, to); err != nil {
		return yield(d.failed(ctx, "data-endpoint", Failed,
			verdict(cause.DataEndpointBlocked, Proved, fmt.Sprintf("the registry leads to %s for blobs: %s",
				to.Hostname(), err.Error()))))
	}
	return yield(d.step("data-endpoint", OK, "blobs come from "+to.Hostname()+", which takes connections", nil))
}

// blobOf returns the digest of a small blob that a manifest names, or "".
func blobOf(manifest []byte) string {
	var doc struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if json.Unmarshal(manifest, &doc) != nil {
		return ""
	}
	for _, l := range append([]struct{ Digest string }{doc.Config}, doc.Layers...) {
		if acrkit.IsDigest(l.Digest) {
			return l.Digest
		}
	}
	return ""
}

// locks looks at what would forbid a write or a deletion.
func (d *doctor) locks(ctx context.Context, c *registry.Client, w Want, yield func(Step) bool) bool {
	token, err := d.check.Transport.Token(ctx, acrkit.RepositoryScope(w.Repository, acrkit.MetadataRead))
	if err != nil || token.Granted == nil || token.Granted.IsEmpty() || !d.spend() {
		return yield(d.step("locks", Skipped, "reading locks needs metadata/read", nil))
	}
	r, err := c.Repository(ctx, w.Repository)
	d.look("the repository", "/acr/v1/"+w.Repository, err)
	switch {
	case errors.Is(err, acrkit.CodeNotFound):
		return yield(d.step("locks", OK, fmt.Sprintf("%q does not exist yet", w.Repository), nil))
	case err != nil:
		return yield(d.explained(ctx, "locks", err, w.scope(), ""))
	case !allows(w.Action, r.Attributes):
		return yield(d.failed(ctx, "locks", Failed, verdict(cause.RepositoryLocked, Proved, attributes(r.Attributes))))
	}
	found, looked := d.targetLocks(ctx, c, w)
	switch {
	case found != nil:
		return yield(d.failed(ctx, "locks", Failed, *found))
	case !looked:
		return yield(d.step("locks", OK,
			fmt.Sprintf("%q is not locked; a tag or digest that the want names is looked at, too", w.Repository), nil))
	}
	return yield(d.step("locks", OK, "none forbids it", nil))
}

// targetLocks looks at the locks of a tag and of its manifest, which a deletion needs
// unlocked both, and a push the tag.
func (d *doctor) targetLocks(ctx context.Context, c *registry.Client, w Want) (found *Diagnosis, looked bool) {
	digest := w.Target
	if acrkit.IsTag(w.Target) {
		if !d.spend() {
			return nil, false
		}
		tag, err := c.Tag(ctx, w.Repository, w.Target)
		d.look("the tag "+w.Target, "/acr/v1/"+w.Repository+"/_tags/"+w.Target, err)
		if err != nil {
			return nil, errors.Is(err, acrkit.CodeNotFound) // a new tag has no lock
		}
		if !allows(w.Action, tag.Attributes) {
			v := verdict(cause.TagLocked, Proved, attributes(tag.Attributes))
			return &v, true
		}
		digest = tag.Digest
		if w.Action != acrkit.ContentDelete {
			return nil, true
		}
	}
	if !acrkit.IsDigest(digest) || !d.spend() {
		return nil, false
	}
	m, err := c.Manifest(ctx, w.Repository, digest)
	d.look("the manifest", "/acr/v1/"+w.Repository+"/_manifests/"+digest, err)
	if err == nil && !allows(w.Action, m.Attributes) {
		d.target = digest
		v := verdict(cause.ManifestLocked, Proved, attributes(m.Attributes))
		return &v, true
	}
	return nil, err == nil
}

// allows reports whether attributes let an action pass. Source: Microsoft, "Lock a
// container image".
func allows(a acrkit.Action, on registry.Attributes) bool {
	if a == acrkit.ContentDelete {
		return on.Delete && on.Write
	}
	return on.Write
}
