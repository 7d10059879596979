package diagnose

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/registry"
)

// maxLooked is how many tags, and how many manifests, are looked through for a lock: a
// page of each.
//
//rule:change-limits-max-looked
const maxLooked = 1000

const sayLocked = "the registry answered 405 REGISTRY_DISALLOWED_OPERATION"

// locked finds the lock that forbids the request: a tag, its manifest and the repository
// have one each. To delete a manifest, none of its tags may be locked, and to delete a
// repository, nothing in it.
func (x *examiner) locked(ctx context.Context) Diagnosis {
	// A registry whose storage is full answers a push so, too.
	push := x.method == http.MethodPost || x.method == http.MethodPatch || x.method == http.MethodPut
	candidates := []acrkit.Cause{cause.TagLocked, cause.ManifestLocked, cause.RepositoryLocked}
	if push || x.method == "" {
		candidates = append(candidates, cause.StorageLimit)
	}
	c := x.client()
	if c == nil || x.repository == "" {
		return unsure(cause.Locked, candidates, sayLocked)
	}
	ctx, cancel := x.probing(ctx)
	defer cancel()
	digest := x.target
	if x.target != "" && !acrkit.IsDigest(x.target) {
		tag, err := c.Tag(ctx, x.repository, x.target)
		x.look("the tag "+x.target, "/acr/v1/"+x.repository+"/_tags/"+x.target, err)
		if err == nil {
			digest = tag.Digest
			if d, ok := x.lockOf(cause.TagLocked, "the tag "+x.target, tag.Attributes); ok {
				return d
			}
		}
	}
	if acrkit.IsDigest(digest) && x.mayAsk() {
		m, err := c.Manifest(ctx, x.repository, digest)
		x.look("the manifest", "/acr/v1/"+x.repository+"/_manifests/"+digest, err)
		if err == nil {
			if d, ok := x.lockOf(cause.ManifestLocked, "the manifest", m.Attributes); ok {
				if x.target == "" || !acrkit.IsDigest(x.target) {
					x.target = digest
				}
				return d
			}
		}
	}
	if !x.mayAsk() {
		return unsure(cause.Locked, candidates, sayLocked)
	}
	r, err := c.Repository(ctx, x.repository)
	x.look("the repository", "/acr/v1/"+x.repository, err)
	if err == nil {
		if d, ok := x.lockOf(cause.RepositoryLocked, "the repository", r.Attributes); ok {
			return d
		}
	}
	if err != nil && !wasAnswered(err) { // locks could not be read
		return unsure(cause.Locked, candidates, sayLocked)
	}
	if x.method == http.MethodDelete {
		if d, ok := x.lockWithin(ctx, c); ok {
			return d
		}
	}
	const none = "no lock was found that this credential can see"
	if push && (err == nil || errors.Is(err, acrkit.CodeNotFound)) {
		return Diagnosis{
			Code: cause.StorageLimit, Confidence: Suspected, Evidence: []string{sayLocked, none},
			Candidates: []acrkit.Cause{cause.StorageLimit, cause.Locked},
		}
	}
	return unsure(cause.Locked, candidates, sayLocked, none+"; a registry at its storage limit answers a push so, too")
}

// lockOf returns the diagnosis of an item's lock, if it forbids the request.
func (x *examiner) lockOf(code acrkit.Cause, what string, a registry.Attributes) (Diagnosis, bool) {
	forbids := false
	switch x.method {
	case http.MethodGet, http.MethodHead:
		forbids = !a.Read
	case http.MethodDelete: // either forbids it (documented, "Lock a container image")
		forbids = !a.Delete || !a.Write
	case "":
		forbids = !a.Delete || !a.Write || !a.Read
	default:
		forbids = !a.Write
	}
	if !forbids {
		return Diagnosis{}, false
	}
	x.readLock = !a.Read && a.Delete && a.Write || x.method == http.MethodGet || x.method == http.MethodHead
	return verdict(code, Proved, sayLocked, fmt.Sprintf("changeable attributes of %s: %s", what, attributes(a))), true
}

// lockWithin looks for a lock on a tag of the manifest that was to be deleted, or on
// anything in the repository.
func (x *examiner) lockWithin(ctx context.Context, c *registry.Client) (Diagnosis, bool) {
	all := registry.ListOptions{Limit: maxLooked}
	tags := all
	switch {
	case acrkit.IsDigest(x.target):
		tags.Digest = x.target
	case x.target != "": // a tag, which holds nothing
		return Diagnosis{}, false
	}
	path := "/acr/v1/" + x.repository
	d, ok := firstLock(x, "tags", path+"/_tags", c.Tags(ctx, x.repository, &tags),
		func(t registry.Tag) (acrkit.Cause, string, string, registry.Attributes) {
			return cause.TagLocked, "the tag ", t.Name, t.Attributes
		})
	if ok || x.target != "" {
		return d, ok
	}
	return firstLock(x, "manifests", path+"/_manifests", c.Manifests(ctx, x.repository, &all),
		func(m registry.Manifest) (acrkit.Cause, string, string, registry.Attributes) {
			return cause.ManifestLocked, "the manifest ", m.Digest, m.Attributes
		})
}

// firstLock goes through a list, and notes that it was read. The item with the lock becomes
// the target. of returns the cause that a lock of an item is, what it is called, its name,
// and its attributes.
func firstLock[T any](x *examiner, what, path string, list iter.Seq2[T, error],
	of func(T) (acrkit.Cause, string, string, registry.Attributes)) (d Diagnosis, ok bool) {
	if !x.mayAsk() {
		return d, false
	}
	var last error
	for item, err := range list {
		if last = err; err != nil {
			break
		}
		code, kind, name, attributes := of(item)
		if d, ok = x.lockOf(code, kind+name, attributes); ok {
			x.target = name
			break
		}
	}
	x.look(what, path, last)
	return d, ok
}

// unlocking returns the key of the fix of a lock that forbids reading.
func (x *examiner) unlocking(key sentence.FixKey) sentence.FixKey {
	if !x.readLock {
		return key
	}
	switch key {
	case sentence.UnlockTag:
		return sentence.UnlockTagForReading
	case sentence.UnlockManifest:
		return sentence.UnlockManifestForReading
	case sentence.UnlockRepository:
		return sentence.UnlockRepositoryForReading
	}
	return key
}

func attributes(a registry.Attributes) string {
	var off []string
	for _, x := range []struct {
		name string
		on   bool
	}{{"deleteEnabled", a.Delete}, {"writeEnabled", a.Write}, {"readEnabled", a.Read}, {"listEnabled", a.List}} {
		if !x.on {
			off = append(off, x.name+" is false")
		}
	}
	return strings.Join(off, ", ")
}
