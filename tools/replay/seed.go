package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit/tools/replay/recording"
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
	// maxFollowing bounds the search for a digest that comes after another one; with
	// one in the last 1/1000 of all, it fails once in a thousand.
	//rule:replay-limits-max-following
	maxFollowing = 7000

	filler = "replay-filler-" // tags that only count
	more   = "-and-more"      // ends the name of what only comes after something
)

// generated is a manifest that replaces a recorded one.
type generated struct {
	mediaType, digest string
	body              []byte
	blobs             [][]byte
}

func digestOf(b []byte) string { return recording.Digest(string(b)) }

// stage is a registry that is being set up in the state of a recording.
type stage struct {
	t       *target
	host    string
	known   contents
	digests map[string]string // recorded -> ours, where they differ
	blobs   map[string][]byte // by recorded digest: what replaces content that is not known
	made    map[string]*generated
	merged  map[string]*manifest
	prefix  map[string]string // by recorded digest: how ours must begin
	late    []string          // repositories that come later
}

// set brings an empty registry to a state. Content whose bytes were recorded is
// the recorded one, if all that it names is too. The rest is replaced by other
// content, whose digests begin with the same characters as far as their order
// needs it: pages and lists come out in the recorded order.
func (s *state) set(ctx context.Context, t *target, host string, known contents) (*stage, error) {
	st := &stage{t: t, host: host, known: known, digests: map[string]string{}, blobs: map[string][]byte{},
		made: map[string]*generated{}}
	st.merged = s.merged()
	digests := sortedKeys(st.merged)
	st.prefix = uniquePrefixes(digests)
	for _, d := range digests {
		if _, err := st.generate(d, 0); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(s.repositories) {
		if r := s.repositories[name]; r.since > 0 {
			st.late = append(st.late, name)
		} else if err := st.fill(ctx, name, r); err != nil {
			return nil, fmt.Errorf("set up the repository %q: %w", name, err)
		}
	}
	for _, after := range s.moreRepositories {
		name := after + more
		if err := st.fill(ctx, name, newRepository()); err != nil {
			return nil, fmt.Errorf("set up the repository %q: %w", name, err)
		}
	}
	t.setClock(time.Time{})
	return st, nil
}

// arrive sets up the repositories that were not there until an exchange, whose
// number is given.
func (st *stage) arrive(ctx context.Context, s *state, number int) error {
	var later []string
	for _, name := range st.late {
		if s.repositories[name].since >= number {
			later = append(later, name)
		} else if err := st.fill(ctx, name, s.repositories[name]); err != nil {
			return fmt.Errorf("set up the repository %q: %w", name, err)
		}
	}
	st.late = later
	return nil
}

// merged returns the manifests of all repositories, each with what is known of it
// from any of them.
func (s *state) merged() map[string]*manifest {
	all := map[string]*manifest{}
	for _, name := range sortedKeys(s.repositories) {
		for d, m := range s.repositories[name].manifests {
			old := all[d]
			if old == nil {
				one := *m
				all[d] = &one
				continue
			}
			text := cmp.Or(old.text, m.text)
			if old.mediaType == "" || len(old.children) < len(m.children) {
				*old = *m
			}
			old.text = text
		}
	}
	return all
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

// uniquePrefixes returns, for sorted digests, the first characters that distinguish
// each from its neighbours.
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

// blobFor returns content that replaces a recorded blob, in its size; 0 = the size
// is not known.
func blobFor(digest string, size int) []byte {
	text := []byte("content for " + digest + "\n")
	if size <= 0 || size > maxAnswer {
		size = 20 * len(text)
	}
	return bytes.Repeat(text, size/len(text)+1)[:size]
}

// blob returns the content of a recorded blob, or what replaces it: made, if
// nothing does yet.
func (st *stage) blob(digest, made string) []byte {
	if exact, ok := st.known[digest]; ok {
		return []byte(exact)
	}
	if st.blobs[digest] == nil {
		st.blobs[digest] = []byte(made)
		st.digests[digest] = recording.Digest(made)
	}
	return st.blobs[digest]
}

// generate makes the manifest that replaces a recorded one, children first.
func (st *stage) generate(digest string, depth int) (*generated, error) {
	if g := st.made[digest]; g != nil {
		return g, nil
	}
	if depth > 8 {
		return nil, fmt.Errorf("the index %s holds itself", digest)
	}
	m := st.merged[digest]
	if m == nil {
		m = new(manifest)
	}
	var children []*generated
	for _, c := range m.children {
		k, err := st.generate(c.Digest, depth+1)
		if err != nil {
			return nil, err
		}
		children = append(children, k)
	}
	g := &generated{}
	text, err := st.recorded(digest, m, g, depth)
	if err != nil {
		return nil, err
	}
	isMade := text == ""
	if isMade {
		if text, err = made(m, g, children); err != nil {
			return nil, err
		}
	}
	g.body = []byte(text)
	if digestOf(g.body) != digest {
		g.body = withPrefix(st.prefix[digest], func(n int) string {
			if isMade {
				return fmt.Sprintf("%s,\"nonce\":\"%s-%d\"}", text[:len(text)-1], digest, n)
			}
			return text + strings.NewReplacer("0", " ", "1", "\t").Replace(strconv.FormatInt(int64(n), 2))
		})
	}
	g.digest = digestOf(g.body)
	st.made[digest] = g
	if g.digest != digest {
		st.digests[digest] = g.digest
	}
	return g, nil
}

// withPrefix returns a variant of a manifest whose digest begins as it should.
func withPrefix(prefix string, variant func(n int) string) []byte {
	for n := 0; ; n++ {
		if text := variant(n); strings.HasPrefix(recording.Digest(text), prefix) {
			return []byte(text)
		}
	}
}

// recorded returns the recorded text of a manifest, with our digests where what it
// names was replaced; "" = it is not known.
func (st *stage) recorded(digest string, m *manifest, g *generated, depth int) (string, error) {
	text := m.text
	if exact, ok := st.known[digest]; ok {
		text = exact
	}
	p := manifestParts(text)
	if text == "" || p.Config == nil && p.Manifests == nil {
		return "", nil
	}
	platform, err := json.Marshal(map[string]string{"architecture": m.architecture, "os": m.os, "for": digest})
	if err != nil {
		return "", err
	}
	g.mediaType = cmp.Or(m.mediaType, p.MediaType, imageType)
	var pairs []string
	for _, d := range p.blobs() {
		content := blobFor(d.Digest, d.Size)
		if d.Digest == p.Config.digest() {
			content = append(platform, bytes.Repeat([]byte(" "), max(0, min(d.Size, maxAnswer)-len(platform)))...)
		}
		b := st.blob(d.Digest, string(content))
		g.blobs = append(g.blobs, b)
		pairs = append(pairs, d.Digest, digestOf(b))
	}
	for _, d := range p.Manifests {
		k, err := st.generate(d.Digest, depth+1)
		if err != nil {
			return "", err
		}
		pairs = append(pairs, d.Digest, k.digest)
	}
	for _, d := range pairs {
		if !wholeDigest.MatchString(d) {
			return "", nil // made unreadable by the recorder
		}
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}

func (d *descriptor) digest() string {
	if d == nil {
		return ""
	}
	return d.Digest
}

// made returns a manifest of which only attributes are known.
func made(m *manifest, g *generated, children []*generated) (string, error) {
	g.mediaType = cmp.Or(m.mediaType, imageType)
	content := map[string]any{"schemaVersion": 2, "mediaType": g.mediaType}
	if isIndex(g.mediaType) {
		list := []map[string]any{}
		for i, k := range children {
			list = append(list, map[string]any{"mediaType": k.mediaType, "digest": k.digest, "size": len(k.body),
				"platform": map[string]string{"architecture": m.children[i].Architecture, "os": m.children[i].OS}})
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
			return "", err
		}
		if isArtifact := m.configMediaType == "" && strings.Contains(m.mediaType, ".oci.") && m.architecture == "" &&
			!m.updated.IsZero(); isArtifact {
			config = []byte("no JSON") // for such a configuration no type is given
		}
		layer := []byte("a layer\n")
		g.blobs = [][]byte{config, layer}
		content["config"] = map[string]any{"mediaType": cmp.Or(m.configMediaType, configType),
			"digest": digestOf(config), "size": len(config)}
		content["layers"] = []any{map[string]any{"mediaType": layerType, "digest": digestOf(layer), "size": len(layer)}}
	}
	b, err := json.Marshal(content)
	return string(b), err
}

func isIndex(mediaType string) bool {
	return strings.HasSuffix(mediaType, ".manifest.list.v2+json") ||
		strings.HasSuffix(mediaType, ".image.index.v1+json")
}

// fill pushes what a repository held, each item at its recorded time where the
// registry's clock can be set, and then sets the locks.
func (st *stage) fill(ctx context.Context, name string, r *repository) error {
	for _, d := range sortedKeys(r.blobs) {
		if err := st.pushBlob(ctx, name, st.blob(d, cmp.Or(string(r.blobs[d]), string(blobFor(d, 0))))); err != nil {
			return err
		}
	}
	digests := sortedKeys(r.manifests)
	slices.SortStableFunc(digests, func(a, b string) int {
		return cmp.Or(cmp.Compare(depthOf(st.merged, a, 0), depthOf(st.merged, b, 0)),
			r.manifests[a].updated.Compare(r.manifests[b].updated))
	})
	for _, d := range digests {
		st.t.setClock(r.manifests[d].updated)
		if err := st.push(ctx, name, st.made[d].digest, st.made[d]); err != nil {
			return err
		}
	}
	uncounted := r.manifestCount - len(digests) - len(r.moreManifests)
	if uncounted > maxFiller || r.tagCount-len(r.tags) > maxFiller {
		return fmt.Errorf("%d manifests and %d tags are counted, more than are made up here",
			r.manifestCount, r.tagCount)
	}
	if len(digests) == 0 {
		uncounted = max(uncounted, 1) // a repository is there from its first manifest on
	}
	st.t.setClock(time.Time{})
	var some *generated // what tags that only count point at
	if len(digests) > 0 {
		some = st.made[digests[0]]
	}
	for i := range uncounted {
		g, err := st.generate(fmt.Sprintf("%s%d", filler, i), 0)
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
	for _, f := range r.moreManifests {
		g, err := st.following(f.after)
		if err != nil {
			return err
		}
		st.t.setClock(f.updated)
		if err := st.push(ctx, name, g.digest, g); err != nil {
			return err
		}
	}
	names := sortedKeys(r.tags)
	slices.SortStableFunc(names, func(a, b string) int { return r.tags[a].updated.Compare(r.tags[b].updated) })
	tagged := func(t string) *generated {
		if g := st.made[r.tags[t].digest]; g != nil {
			return g
		}
		return some // only its name is known, from a Link
	}
	for _, t := range names {
		st.t.setClock(r.tags[t].updated)
		if err := st.push(ctx, name, t, tagged(t)); err != nil {
			return err
		}
	}
	for _, f := range r.moreTags {
		st.t.setClock(f.updated)
		if err := st.push(ctx, name, f.after+more, tagged(f.after)); err != nil {
			return err
		}
	}
	st.t.setClock(time.Time{})
	for i := range r.tagCount - len(names) - len(r.moreTags) {
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

// following returns a manifest whose digest comes after ours of a recorded one.
func (st *stage) following(recorded string) (*generated, error) {
	ours := recorded
	if d := st.digests[recorded]; d != "" {
		ours = d
	}
	for n := range maxFollowing {
		g, err := st.generate(fmt.Sprintf("%s%s-%d", filler, recorded, n), 0)
		if err != nil || g.digest > ours {
			return g, err
		}
	}
	return nil, fmt.Errorf("no digest was found that comes after %s", recorded)
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
	return st.t.asOwner(ctx, st.host, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+url.QueryEscape(digestOf(b)),
		"application/octet-stream", b, http.StatusCreated)
}

func (st *stage) push(ctx context.Context, repo, reference string, g *generated) error {
	if strings.Contains(reference, ":") {
		for _, b := range g.blobs {
			if err := st.pushBlob(ctx, repo, b); err != nil {
				return err
			}
		}
	}
	return st.t.asOwner(ctx, st.host, "PUT", "/v2/"+repo+"/manifests/"+reference, g.mediaType,
		g.body, http.StatusCreated)
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
