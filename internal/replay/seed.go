package replay

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Media types of what is generated where a recording does not say.
const (
	imageType  = "application/vnd.docker.distribution.manifest.v2+json"
	configType = "application/vnd.docker.container.image.v1+json"
	layerType  = "application/vnd.docker.image.rootfs.diff.tar.gzip"

	// maxPrefix bounds the search for a digest that sorts as the recorded one
	// does: 16^5 attempts take about a second.
	maxPrefix = 5
	maxFiller = 1000 // manifests or tags made to reach a recorded count

	filler = "replay-filler-" // tags that only count
)

// generated is a manifest that stands for a recorded one.
type generated struct {
	mediaType, digest string
	body              []byte
	blobs             [][]byte
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// stage is a registry on its way to the state of a recording.
type stage struct {
	t       *target
	host    string
	digests map[string]string // recorded -> ours
	made    map[string]*generated
}

// set brings an empty registry to a state. The bytes behind recorded digests are
// not known, so other content stands for them, whose digests begin with the same
// characters as far as their order needs it: pages and lists come out in the
// recorded order.
func (s *state) set(ctx context.Context, t *target, host string) (digests map[string]string, err error) {
	st := &stage{t: t, host: host, digests: map[string]string{}, made: map[string]*generated{}}
	merged := map[string]*manifest{}
	for _, name := range sortedKeys(s.repositories) {
		for d, m := range s.repositories[name].manifests {
			if old := merged[d]; old == nil || old.mediaType == "" || len(old.children) < len(m.children) {
				merged[d] = m
			}
		}
		for d := range s.repositories[name].blobs {
			if st.digests[d] == "" {
				st.digests[d] = digestOf(blobFor(d))
			}
		}
	}
	prefixes := uniquePrefixes(sortedKeys(merged))
	for _, d := range sortedKeys(merged) {
		if _, err := st.generate(d, merged, prefixes, 0); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(s.repositories) {
		if err := st.fill(ctx, name, s.repositories[name], merged); err != nil {
			return nil, fmt.Errorf("set up the repository %q: %w", name, err)
		}
	}
	t.setClock(time.Time{})
	return st.digests, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

var wholeDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// uniquePrefixes returns, for sorted digests, the first characters that tell each
// from its neighbours.
func uniquePrefixes(sorted []string) map[string]string {
	out := map[string]string{}
	common := func(a, b string) int {
		n := 0
		for n < len(a) && n < len(b) && a[n] == b[n] {
			n++
		}
		return n
	}
	for i, d := range sorted {
		if !wholeDigest.MatchString(d) {
			continue // made unreadable by the recorder: it has no order
		}
		n := 0
		if i > 0 {
			n = max(n, common(d, sorted[i-1])+1)
		}
		if i+1 < len(sorted) {
			n = max(n, common(d, sorted[i+1])+1)
		}
		out[d] = d[:min(n, len("sha256:")+maxPrefix)]
	}
	return out
}

// blobFor returns the content that stands for a recorded blob.
func blobFor(digest string) []byte {
	return bytes.Repeat([]byte("content for "+digest+"\n"), 20)
}

// generate makes the manifest that stands for a recorded one, children first.
func (st *stage) generate(digest string, all map[string]*manifest, prefixes map[string]string, depth int) (*generated, error) {
	if g := st.made[digest]; g != nil {
		return g, nil
	}
	if depth > 8 {
		return nil, fmt.Errorf("the index %s holds itself", digest)
	}
	m := all[digest]
	g := &generated{mediaType: cmp.Or(m.mediaType, imageType)}
	content := map[string]any{"schemaVersion": 2, "mediaType": g.mediaType}
	if isIndex(g.mediaType) {
		list := []map[string]any{}
		for _, c := range m.children {
			k, err := st.generate(c.Digest, all, prefixes, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, map[string]any{"mediaType": k.mediaType, "digest": k.digest, "size": len(k.body),
				"platform": map[string]string{"architecture": c.Architecture, "os": c.OS}})
		}
		content["manifests"] = list
	} else {
		platform := map[string]string{}
		if m.mediaType == "" {
			platform = map[string]string{"architecture": "amd64", "os": "linux"}
		}
		if m.architecture != "" || m.os != "" {
			platform = map[string]string{"architecture": m.architecture, "os": m.os}
		}
		config, err := json.Marshal(platform)
		if err != nil {
			return nil, err
		}
		layer := []byte("a layer\n")
		g.blobs = [][]byte{config, layer}
		content["config"] = map[string]any{"mediaType": cmp.Or(m.configMediaType, configType), "digest": digestOf(config), "size": len(config)}
		content["layers"] = []any{map[string]any{"mediaType": layerType, "digest": digestOf(layer), "size": len(layer)}}
	}
	head, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	head = head[:len(head)-1]
	for n := 0; ; n++ {
		g.body = fmt.Appendf(head[:len(head):len(head)], `,"nonce":"%s-%d"}`, digest, n)
		if g.digest = digestOf(g.body); strings.HasPrefix(g.digest, prefixes[digest]) {
			break
		}
	}
	st.made[digest], st.digests[digest] = g, g.digest
	return g, nil
}

func isIndex(mediaType string) bool {
	return strings.HasSuffix(mediaType, ".manifest.list.v2+json") || strings.HasSuffix(mediaType, ".image.index.v1+json")
}

// fill pushes what a repository held, each item at its recorded time where the
// registry's clock can be set, and then sets the locks.
func (st *stage) fill(ctx context.Context, name string, r *repository, merged map[string]*manifest) error {
	for _, d := range sortedKeys(r.blobs) {
		if err := st.pushBlob(ctx, name, blobFor(d)); err != nil {
			return err
		}
	}
	digests := sortedKeys(r.manifests)
	slices.SortStableFunc(digests, func(a, b string) int {
		return cmp.Or(cmp.Compare(depthOf(merged, a, 0), depthOf(merged, b, 0)), r.manifests[a].updated.Compare(r.manifests[b].updated))
	})
	for _, d := range digests {
		st.t.setClock(r.manifests[d].updated)
		if err := st.push(ctx, name, st.made[d].digest, st.made[d]); err != nil {
			return err
		}
	}
	more := r.manifestCount - len(digests)
	if more > maxFiller || r.tagCount-len(r.tags) > maxFiller {
		return fmt.Errorf("%d manifests and %d tags are counted, more than are made up here", r.manifestCount, r.tagCount)
	}
	if len(digests) == 0 {
		more = max(more, 1) // a repository is there from its first manifest on
	}
	st.t.setClock(time.Time{})
	var some *generated // what tags that only count point at
	if len(digests) > 0 {
		some = st.made[digests[0]]
	}
	for i := range more {
		d := fmt.Sprintf("%s%d", filler, i)
		g, err := st.generate(d, map[string]*manifest{d: {}}, nil, 0)
		if err != nil {
			return err
		}
		if err := st.push(ctx, name, g.digest, g); err != nil {
			return err
		}
		if some == nil {
			some = g
		}
	}
	names := sortedKeys(r.tags)
	slices.SortStableFunc(names, func(a, b string) int { return r.tags[a].updated.Compare(r.tags[b].updated) })
	for _, t := range names {
		st.t.setClock(r.tags[t].updated)
		if err := st.push(ctx, name, t, st.made[r.tags[t].digest]); err != nil {
			return err
		}
	}
	st.t.setClock(time.Time{})
	for i := range r.tagCount - len(names) {
		if err := st.push(ctx, name, fmt.Sprintf("%s%d", filler, i), some); err != nil {
			return err
		}
	}
	base := "/acr/v1/" + name
	for _, t := range names {
		if err := st.lock(ctx, base+"/_tags/"+t, r.tags[t].locks); err != nil {
			return err
		}
	}
	for _, d := range digests {
		if err := st.lock(ctx, base+"/_manifests/"+st.made[d].digest, r.manifests[d].locks); err != nil {
			return err
		}
	}
	return st.lock(ctx, base, r.locks)
}

// depthOf returns how many levels of children a manifest has.
func depthOf(all map[string]*manifest, digest string, depth int) int {
	deepest := 0
	if m := all[digest]; m != nil && depth < 8 {
		for _, c := range m.children {
			deepest = max(deepest, 1+depthOf(all, c.Digest, depth+1))
		}
	}
	return deepest
}

func (st *stage) pushBlob(ctx context.Context, repo string, b []byte) error {
	return st.t.asOwner(ctx, st.host, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+url.QueryEscape(digestOf(b)), "application/octet-stream", b, http.StatusCreated)
}

func (st *stage) push(ctx context.Context, repo, reference string, g *generated) error {
	if strings.Contains(reference, ":") {
		for _, b := range g.blobs {
			if err := st.pushBlob(ctx, repo, b); err != nil {
				return err
			}
		}
	}
	return st.t.asOwner(ctx, st.host, "PUT", "/v2/"+repo+"/manifests/"+reference, g.mediaType, g.body, http.StatusCreated)
}

func (st *stage) lock(ctx context.Context, path string, l *locks) error {
	if !l.any() {
		return nil
	}
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return st.t.asOwner(ctx, st.host, "PATCH", path, "application/json", b, http.StatusOK)
}
