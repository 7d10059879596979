package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing/iotest"
	"time"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// noise is content that its number decides, so that repositories share some.
func noise(n uint64) []byte {
	src := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, n)))
	b := make([]byte, 100+n%7*20_000)
	_, _ = src.Read(b)
	return b
}

// image is a manifest with the content that it names.
type image struct {
	digest   string
	manifest []byte
	blobs    map[string][]byte
}

func newImage(name string, layers []uint64) image {
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	img := image{blobs: map[string][]byte{}}
	add := func(mediaType string, b []byte) descriptor {
		d := descriptor{mediaType, digestOf(b), len(b)}
		img.blobs[d.Digest] = b
		return d
	}
	body := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, manifestType, add(configType, fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","name":%q}`, name)), nil}
	for _, n := range layers {
		body.Layers = append(body.Layers, add(layerType, noise(n)))
	}
	img.manifest, _ = json.Marshal(body) // plain values
	img.digest = digestOf(img.manifest)
	return img
}

// state is what a repository holds.
type state struct {
	exists    bool
	manifests map[string]image
	tags      map[string]string // to digest
	locked    map[string]bool   // tags that are locked against writing
}

func newState() state {
	return state{manifests: map[string]image{}, tags: map[string]string{}, locked: map[string]bool{}}
}

func (s state) clone() state {
	return state{s.exists, maps.Clone(s.manifests), maps.Clone(s.tags), maps.Clone(s.locked)}
}

func (s state) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exists %v; manifests", s.exists)
	for _, d := range slices.Sorted(maps.Keys(s.manifests)) {
		b.WriteString(" " + d[7:15])
	}
	b.WriteString("; tags")
	for _, t := range slices.Sorted(maps.Keys(s.tags)) {
		fmt.Fprintf(&b, " %s=%s", t, s.tags[t][7:15])
		if s.locked[t] {
			b.WriteString("(locked)")
		}
	}
	return b.String()
}

// violation is something that must not happen. Other errors are connections that
// a kill has cut.
type violation struct{ text string }

func (v *violation) Error() string { return v.text }

func wrong(format string, args ...any) error { return &violation{fmt.Sprintf(format, args...)} }

// worker owns one repository; no other worker changes it.
type worker struct {
	s      *server
	who    *identities
	repo   string
	others int
	dice   *rand.Rand
	now    state
	count  *counters

	token      string // an access token of the writer
	generation int64  // in which it was issued
}

// counters say what was done; the test is nothing without them.
type counters struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counters) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[what]++
}

func (w *worker) auth(ctx context.Context) (http.Header, error) {
	if g := w.s.generation.Load(); w.token == "" || w.generation != g || w.dice.IntN(50) == 0 {
		token, status, err := w.who.accessToken(ctx, w.s, writer, "repository:"+w.repo+
			":pull,push,delete,metadata_read,metadata_write")
		if err != nil {
			return nil, err
		}
		if token == "" {
			return nil, wrong("the token service refuses the writer: %d", status)
		}
		w.token, w.generation = token, g
	}
	return http.Header{"Authorization": {"Bearer " + w.token}}, nil
}

// do sends a request as the writer, who may do everything: a refusal for want of
// a right is wrong.
func (w *worker) do(ctx context.Context, method, path string, header http.Header, body io.Reader) (answer, error) {
	auth, err := w.auth(ctx)
	if err != nil {
		return answer{}, err
	}
	auth.Set("Accept", manifestType)
	for k, v := range header {
		auth[k] = v
	}
	a, err := w.s.send(ctx, method, path, auth, body)
	rotted := w.s.rotted(path[strings.LastIndex(path, "/")+1:])
	if rotted && method == http.MethodGet && errors.Is(err, io.ErrUnexpectedEOF) {
		// It was found while it was sent, and is known from now on.
		a, err = w.s.send(ctx, method, path, auth, nil)
	}
	if err != nil {
		return a, err
	}
	if isDamage(a) && rotted {
		return a, nil
	}
	if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status >= 500 {
		return a, wrong("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a, nil
}

// isDamage reports whether an answer says that content is damaged.
func isDamage(a answer) bool {
	return a.status == http.StatusInternalServerError && strings.Contains(string(a.body), "damaged")
}

// mutate runs the one request that changes the model. Where it is cut off,
// either of both states may be true; where it is refused, the old one is.
func (w *worker) mutate(ctx context.Context, after state, request func() (done bool, err error)) error {
	done, err := request()
	if err == nil {
		if done {
			w.now = after
		}
		return nil
	}
	if v := (*violation)(nil); errors.As(err, &v) {
		return err
	}
	w.count.add("cut off while changing")
	seen, observeErr := w.observeAnyway(ctx)
	if observeErr != nil {
		return observeErr
	}
	switch seen {
	case w.now.text():
	case after.text():
		w.now = after
		w.count.add("cut off, and was done")
	default:
		return wrong("%s after a kill:\n  is         %s\n  was        %s\n  may become %s", w.repo, seen,
			w.now.text(), after.text())
	}
	return nil
}

// observeAnyway looks until the server lives long enough to answer.
func (w *worker) observeAnyway(ctx context.Context) (string, error) {
	for {
		seen, err := w.observe(ctx)
		if v := (*violation)(nil); err == nil || errors.As(err, &v) || ctx.Err() != nil {
			return seen, err
		}
		w.pause(ctx)
	}
}

// pause waits for the server, and a moment where it died without our knowing.
func (w *worker) pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
	w.s.wait(ctx)
}

// observe reads the repository's state from the registry, page by page.
func (w *worker) observe(ctx context.Context) (string, error) {
	seen := newState()
	a, err := w.do(ctx, http.MethodGet, "/acr/v1/"+w.repo, nil, nil)
	if err != nil {
		return "", err
	}
	if a.status == http.StatusNotFound {
		return seen.text(), nil
	}
	seen.exists = true
	for path := "/acr/v1/" + w.repo + "/_tags?n=3"; path != ""; path = next(a) {
		if a, err = w.do(ctx, http.MethodGet, path, nil, nil); err != nil {
			return "", err
		}
		var page struct {
			Tags []struct {
				Name, Digest         string
				ChangeableAttributes struct{ WriteEnabled bool }
			}
		}
		if a.status != http.StatusOK || json.Unmarshal(a.body, &page) != nil {
			return "", wrong("%s: %d %s", path, a.status, a.body)
		}
		for _, t := range page.Tags {
			seen.tags[t.Name] = t.Digest
			if !t.ChangeableAttributes.WriteEnabled {
				seen.locked[t.Name] = true
			}
		}
	}
	for path := "/acr/v1/" + w.repo + "/_manifests?n=3"; path != ""; path = next(a) {
		if a, err = w.do(ctx, http.MethodGet, path, nil, nil); err != nil {
			return "", err
		}
		var page struct{ Manifests []struct{ Digest string } }
		if a.status != http.StatusOK || json.Unmarshal(a.body, &page) != nil {
			return "", wrong("%s: %d %s", path, a.status, a.body)
		}
		for _, m := range page.Manifests {
			seen.manifests[m.Digest] = image{}
		}
	}
	return seen.text(), nil
}

func next(a answer) string {
	link, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	return link
}

// step does one thing at random.
func (w *worker) step(ctx context.Context) (string, error) {
	steps := []struct {
		name   string
		weight int
		do     func(context.Context) error
	}{
		{"push", 30, w.push}, {"pull", 25, w.pull}, {"list", 6, w.list}, {"delete manifest", 8, w.deleteManifest},
		{"delete tag", 6, w.deleteTag},
		{"delete repository", 1, w.deleteRepository}, {"lock", 6, w.lock}, {"refused", 18, w.refused},
		{"changing rights", 8, w.changing}, {"broken upload", 3, w.brokenUpload},
	}
	sum := 0
	for _, s := range steps {
		sum += s.weight
	}
	n := w.dice.IntN(sum)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			return s.name, s.do(ctx)
		}
	}
	return "", nil
}

func (w *worker) anyTag() string { return fmt.Sprintf("t%d", w.dice.IntN(8)) }

// push uploads what an image names, by different ways, and then the manifest.
func (w *worker) push(ctx context.Context) error {
	var layers []uint64
	for range 1 + w.dice.IntN(3) {
		layers = append(layers, uint64(w.dice.IntN(40)))
	}
	tag := w.anyTag()
	img := newImage(fmt.Sprint(w.repo, w.dice.IntN(60)), layers)
	began := time.Now()
	for digest, b := range img.blobs {
		if err := w.upload(ctx, digest, b, false); err != nil {
			return err
		}
	}
	after := w.now.clone()
	after.exists = true
	after.manifests[img.digest], after.tags[tag] = img, img.digest
	return w.mutate(ctx, after, func() (bool, error) {
		a, err := w.do(ctx, http.MethodPut, "/v2/"+w.repo+"/manifests/"+tag,
			http.Header{"Content-Type": {manifestType}}, bytes.NewReader(img.manifest))
		switch {
		case err != nil:
			return false, err
		case w.now.locked[tag] && a.status == http.StatusMethodNotAllowed:
			w.count.add("refused by a lock")
			return false, nil
		case a.status == http.StatusBadRequest && strings.Contains(string(a.body), "MANIFEST_BLOB_UNKNOWN") &&
			time.Since(began) >= collectAfter/2:
			w.count.add("pushed too slowly")
			return false, nil
		case a.status == http.StatusBadRequest && strings.Contains(string(a.body), "MANIFEST_BLOB_UNKNOWN") &&
			w.anyRotted(img):
			w.count.add("pushed over rot") // HEAD did not know it yet
			return false, nil
		case a.status != http.StatusCreated || w.now.locked[tag] || a.header.Get("Docker-Content-Digest") != img.digest:
			return false, wrong("push to %s:%s (locked: %v) after %v: %d %s", w.repo, tag, w.now.locked[tag],
				time.Since(began), a.status, a.body)
		}
		return true, nil
	})
}

func (w *worker) anyRotted(img image) bool {
	for digest := range img.blobs {
		if w.s.rotted(digest) {
			return true
		}
	}
	return false
}

// upload brings a blob by one of several ways; force sends it though it be there.
func (w *worker) upload(ctx context.Context, digest string, b []byte, force bool) error {
	path := "/v2/" + w.repo + "/blobs/uploads/"
	way := w.dice.IntN(5)
	if force {
		way = -1
	}
	switch way {
	case 0: // what is there already need not be sent
		a, err := w.do(ctx, http.MethodHead, "/v2/"+w.repo+"/blobs/"+digest, nil, nil)
		if err != nil {
			return err
		}
		if a.status == http.StatusOK {
			w.count.add("blob was there")
			return nil
		}
	case 1:
		from := fmt.Sprintf("c/w%d", w.dice.IntN(w.others))
		token, _, err := w.who.accessToken(ctx, w.s, writer, "repository:"+from+":pull", "repository:"+w.repo+
			":pull,push")
		if err != nil {
			return err
		}
		a, err := w.s.send(ctx, http.MethodPost, path+"?mount="+digest+"&from="+url.QueryEscape(from),
			http.Header{"Authorization": {"Bearer " + token}}, nil)
		if err != nil {
			return err
		}
		switch a.status {
		case http.StatusCreated:
			w.count.add("blob mounted")
			return nil
		case http.StatusAccepted:
		default:
			return wrong("mount from %s to %s: %d %s", from, w.repo, a.status, a.body)
		}
	}
	a, err := w.do(ctx, http.MethodPost, path, nil, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusAccepted {
		return wrong("begin an upload to %s: %d %s", w.repo, a.status, a.body)
	}
	rest := b
	for cut := w.dice.IntN(3); cut > 0 && len(rest) > 1; cut-- {
		n := 1 + w.dice.IntN(len(rest)-1)
		if a, err = w.do(ctx, http.MethodPatch, a.header.Get("Location"), nil, bytes.NewReader(rest[:n])); err != nil {
			return err
		}
		if a.status != http.StatusAccepted {
			return wrong("a chunk to %s: %d %s", w.repo, a.status, a.body)
		}
		rest = rest[n:]
	}
	a, err = w.do(ctx, http.MethodPut, a.header.Get("Location")+"&digest="+url.QueryEscape(digest),
		nil, bytes.NewReader(rest))
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated {
		return wrong("end an upload to %s: %d %s", w.repo, a.status, a.body)
	}
	w.count.add("blob uploaded")
	return nil
}

// brokenUpload leaves an upload in the midst of a chunk.
func (w *worker) brokenUpload(ctx context.Context) error {
	a, err := w.do(ctx, http.MethodPost, "/v2/"+w.repo+"/blobs/uploads/", nil, nil)
	if err != nil {
		return err
	}
	body := io.MultiReader(bytes.NewReader(noise(3)), iotest.ErrReader(errors.New("the client gives up")))
	if a, err = w.do(ctx, http.MethodPatch, a.header.Get("Location"), nil, body); err == nil && a.status < 400 {
		return wrong("a broken chunk was taken: %d", a.status)
	}
	if v := (*violation)(nil); errors.As(err, &v) {
		return err
	}
	return nil
}

// pull reads a tag as far as it goes down.
func (w *worker) pull(ctx context.Context) error {
	tag := w.anyTag()
	a, err := w.do(ctx, http.MethodGet, "/v2/"+w.repo+"/manifests/"+tag, nil, nil)
	if err != nil {
		return err
	}
	digest, ok := w.now.tags[tag]
	if !ok {
		if a.status != http.StatusNotFound {
			return wrong("%s:%s is not there, and yet: %d", w.repo, tag, a.status)
		}
		return nil
	}
	if a.status != http.StatusOK || digestOf(a.body) != digest {
		return wrong("%s:%s: %d with digest %s, want %s", w.repo, tag, a.status, digestOf(a.body), digest)
	}
	return w.pullBlobs(ctx, w.now.manifests[digest])
}

func (w *worker) pullBlobs(ctx context.Context, img image) error {
	for digest, b := range img.blobs {
		header := http.Header{}
		want, status := b, http.StatusOK
		if w.dice.IntN(4) == 0 && len(b) > 10 {
			from := w.dice.IntN(len(b) - 1)
			header.Set("Range", fmt.Sprintf("bytes=%d-", from))
			want, status = b[from:], http.StatusPartialContent
		}
		a, err := w.do(ctx, http.MethodGet, "/v2/"+w.repo+"/blobs/"+digest, header, nil)
		if err != nil {
			return err
		}
		if isDamage(a) {
			w.count.add("rot refused")
			if a, err = w.heal(ctx, digest, b); err != nil {
				return err
			}
			want, status = b, http.StatusOK
		}
		if a.status != status || !bytes.Equal(a.body, want) {
			return wrong("the blob %s of %s: %d with %d bytes, want %d", digest, w.repo, a.status,
				len(a.body), len(want))
		}
	}
	return nil
}

// heal pushes a blob again that was damaged, and returns the answer to GET then.
func (w *worker) heal(ctx context.Context, digest string, b []byte) (answer, error) {
	for {
		g := w.s.generation.Load()
		if err := w.upload(ctx, digest, b, true); err != nil {
			return answer{}, err
		}
		a, err := w.do(ctx, http.MethodGet, "/v2/"+w.repo+"/blobs/"+digest, nil, nil)
		if err != nil {
			return a, err
		}
		if !isDamage(a) {
			w.count.add("rot healed")
			return a, nil
		}
		if w.s.generation.Load() == g {
			return a, wrong("the blob %s of %s is damaged after a push of it", digest, w.repo)
		}
	}
}

func (w *worker) list(ctx context.Context) error {
	seen, err := w.observe(ctx)
	if err == nil && seen != w.now.text() {
		return wrong("%s:\n  is        %s\n  should be %s", w.repo, seen, w.now.text())
	}
	return err
}

func (w *worker) deleteManifest(ctx context.Context) error {
	if len(w.now.manifests) == 0 {
		return nil
	}
	all := slices.Sorted(maps.Keys(w.now.manifests))
	digest := all[w.dice.IntN(len(all))]
	after, locked := w.now.clone(), false
	delete(after.manifests, digest)
	for tag, d := range w.now.tags {
		if d == digest {
			delete(after.tags, tag)
			locked = locked || w.now.locked[tag]
		}
	}
	return w.remove(ctx, after, "/v2/"+w.repo+"/manifests/"+digest, locked)
}

func (w *worker) deleteTag(ctx context.Context) error {
	tag := w.anyTag()
	if w.now.tags[tag] == "" {
		return nil
	}
	after := w.now.clone()
	delete(after.tags, tag)
	return w.remove(ctx, after, "/acr/v1/"+w.repo+"/_tags/"+tag, w.now.locked[tag])
}

func (w *worker) deleteRepository(ctx context.Context) error {
	if !w.now.exists {
		return nil
	}
	return w.remove(ctx, newState(), "/acr/v1/"+w.repo, len(w.now.locked) > 0)
}

func (w *worker) remove(ctx context.Context, after state, path string, locked bool) error {
	return w.mutate(ctx, after, func() (bool, error) {
		a, err := w.do(ctx, http.MethodDelete, path, nil, nil)
		switch {
		case err != nil:
			return false, err
		case locked && a.status == http.StatusMethodNotAllowed:
			w.count.add("refused by a lock")
			return false, nil
		case locked || a.status != http.StatusAccepted:
			return false, wrong("DELETE %s (locked: %v): %d %s", path, locked, a.status, a.body)
		}
		return true, nil
	})
}

// lock turns the lock of a tag.
func (w *worker) lock(ctx context.Context) error {
	tag := w.anyTag()
	if w.now.tags[tag] == "" {
		return nil
	}
	after := w.now.clone()
	enable := after.locked[tag]
	if enable {
		delete(after.locked, tag)
	} else {
		after.locked[tag] = true
	}
	return w.mutate(ctx, after, func() (bool, error) {
		a, err := w.do(ctx, http.MethodPatch, "/acr/v1/"+w.repo+"/_tags/"+tag,
			http.Header{"Content-Type": {"application/json"}},
			strings.NewReader(fmt.Sprintf(`{"writeEnabled":%v}`, enable)))
		if err == nil && a.status != http.StatusOK {
			return false, wrong("lock %s:%s: %d %s", w.repo, tag, a.status, a.body)
		}
		return err == nil, err
	})
}

// verify reads everything that was acknowledged.
func (w *worker) verify(ctx context.Context) error {
	if err := w.list(ctx); err != nil {
		return err
	}
	for digest, img := range w.now.manifests {
		a, err := w.do(ctx, http.MethodGet, "/v2/"+w.repo+"/manifests/"+digest, nil, nil)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK || !bytes.Equal(a.body, img.manifest) {
			return wrong("%s@%s: %d", w.repo, digest, a.status)
		}
		if err := w.pullBlobs(ctx, img); err != nil {
			return err
		}
	}
	return nil
}
