package manifest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/registry"
)

const (
	// maxIndexes is how many indexes of a repository are read: each takes a request.
	//rule:change-limits-max-indexes
	maxIndexes = 2000
	// maxReads is how many are read at once.
	maxReads = 8
)

// parents are the indexes of a repository that refer to a manifest, by its digest.
type parents struct {
	of  map[string][]string
	err error
}

// indexTypes are the media types of manifests that refer to others.
var indexTypes = []string{"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json"}

// parentsOf returns the indexes that refer to a manifest. It reads all indexes of the
// repository, once.
func (x *deletion) parentsOf(ctx context.Context, ref acrkit.Reference) ([]string, error) {
	p, ok := x.parents[ref.Repository]
	if !ok {
		p = readParents(ctx, x.c.Client, ref.Repository)
		x.parents[ref.Repository] = p
	}
	return p.of[ref.Digest], p.err
}

func readParents(ctx context.Context, c *registry.Client, repo acrkit.Repository) *parents {
	var indexes []string
	for m, err := range c.Manifests(ctx, repo.Name, nil) {
		if err != nil {
			return &parents{err: err}
		}
		if slices.Contains(indexTypes, m.MediaType) {
			indexes = append(indexes, m.Digest)
		}
	}
	if len(indexes) > maxIndexes {
		return &parents{err: &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "find the indexes that refer to it",
			Registry: repo.Registry,
			Reason:   fmt.Sprintf("%q has %d indexes, and at most %d are read", repo.Name, len(indexes), maxIndexes),
			Hint:     sentence.Fix(sentence.DeleteWithForce, nil)}}
	}
	of := map[string][]string{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxReads)
	for _, index := range indexes {
		g.Go(func() error {
			m, err := c.Manifest(ctx, repo.Name, index)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, r := range m.References {
				of[r.Digest] = append(of[r.Digest], index)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return &parents{err: err}
	}
	for _, list := range of {
		slices.Sort(list)
	}
	return &parents{of: of}
}

// order resolves the tags, and puts indexes before what they refer to, so that no index is
// left without its manifests. Several references to one manifest become one. What cannot
// be read keeps its place, and is reported when its turn comes.
func (x *deletion) order(ctx context.Context, refs []acrkit.Reference) []acrkit.Reference {
	if len(refs) == 1 {
		return refs
	}
	digests := map[acrkit.Reference]string{}
	var once []acrkit.Reference
	for _, ref := range refs {
		resolved, err := resolve(ctx, x.c.Client, ref)
		if err != nil {
			once = append(once, ref)
			continue
		}
		if x.named[resolved.Digest] {
			continue
		}
		x.named[resolved.Digest], digests[ref] = true, resolved.Digest
		once = append(once, ref)
	}
	if x.Force {
		return once
	}
	var out []acrkit.Reference
	for len(once) > 0 {
		n := len(once)
		waiting := map[string]bool{}
		for _, ref := range once {
			waiting[digests[ref]] = true
		}
		var rest []acrkit.Reference
		for _, ref := range once {
			var found []string
			if digest, ok := digests[ref]; ok {
				// An error is reported when its turn comes.
				found, _ = x.parentsOf(ctx, acrkit.Reference{Repository: ref.Repository, Digest: digest})
			}
			if slices.ContainsFunc(found, func(index string) bool { return waiting[index] }) {
				rest = append(rest, ref)
			} else {
				out = append(out, ref)
			}
		}
		if once = rest; len(once) == n { // a circle, which digests cannot form
			return append(out, once...)
		}
	}
	return out
}
