package librarytest_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// bigBlob is the size of an upload that outlives a token.
const bigBlob = 200 << 20

// generated is a blob that is made while it is read and never held: a key stream,
// of which any part can be had. The function is called with how much has been read.
type generated struct {
	stream cipher.Stream
	size   int64
	read   int64
	during func(read int64)
}

func newGenerated(size int64, during func(read int64)) *generated { return newPart(0, size, during) }

// newPart is the part of all generated blobs at an offset, a multiple of 16.
func newPart(at, size int64, during func(read int64)) *generated {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		panic(err)
	}
	counter := make([]byte, aes.BlockSize)
	binary.BigEndian.PutUint64(counter[8:], uint64(at)/aes.BlockSize)
	return &generated{stream: cipher.NewCTR(block, counter), size: size, //nolint:gosec // nothing is encrypted
		during: during}
}

func (g *generated) Read(p []byte) (int, error) {
	n := min(int64(len(p)), g.size-g.read)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	g.stream.XORKeyStream(p[:n], p[:n])
	g.read += n
	if g.during != nil {
		g.during(g.read)
	}
	return int(n), nil
}

// digestOf is the digest of generated blobs, computed once.
var digestOf = func() func(size int64) digest.Digest {
	var mu sync.Mutex
	known := map[int64]digest.Digest{}
	return func(size int64) digest.Digest {
		mu.Lock()
		defer mu.Unlock()
		if known[size] == "" {
			h := sha256.New()
			_, _ = io.Copy(h, newGenerated(size, nil))
			known[size] = digest.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
		}
		return known[size]
	}
}()

// longRunning is the emulator behind a server of its own, with a clock that the
// test moves, for the registry and the client alike.
type longRunning struct {
	t    *testing.T
	reg  *acrtest.Registry
	host string
	base http.RoundTripper
	rt   *auth.Transport

	passed atomic.Int64 // on all clocks, since the start
	lost   atomic.Bool  // the registry does not know the tokens any more that it gave before

	mu       sync.Mutex
	requests []string // "METHOD path-without-ids status bytes-of-body"
	refused  map[string]bool
}

func newLongRunning(t *testing.T, http2 bool, tokenRights ...string) *longRunning {
	t.Helper()
	l := &longRunning{t: t, refused: map[string]bool{}}
	// On disk: memory is measured here, and a registry in memory holds its blobs.
	l.reg = acrtest.NewRegistry(t, &acrtest.Options{Now: l.now, DataDir: t.TempDir()})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(l.serve))
	srv.EnableHTTP2 = http2
	srv.StartTLS()
	t.Cleanup(srv.Close)
	l.host = strings.TrimPrefix(srv.URL, "https://")
	l.base = srv.Client().Transport
	var err error
	l.rt, err = auth.NewTransport(l.host, l.reg.Token("ci-long", tokenRights...).Credential(),
		&auth.Options{Base: l.base, Now: l.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.rt.Close() })
	return l
}

func (l *longRunning) now() time.Time { return time.Now().Add(time.Duration(l.passed.Load())) }

func (l *longRunning) pass(d time.Duration) { l.passed.Add(int64(d)) }

func (l *longRunning) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", l.now().UTC().Format(http.TimeFormat))
	body := &countedBody{ReadCloser: r.Body}
	r.Body = body
	rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	bearer := r.Header.Get("Authorization")
	l.mu.Lock()
	if l.lost.Swap(false) {
		l.refused[bearer] = true
	}
	refuse := bearer != "" && l.refused[bearer]
	l.mu.Unlock()
	if refuse {
		rec.Header().Set("Www-Authenticate",
			fmt.Sprintf(
				`Bearer realm="https://%s/oauth2/token",service="%s",scope="repository:big/blob:pull,push",error="invalid_token"`, r.Host, r.Host))
		rec.WriteHeader(http.StatusUnauthorized)
	} else {
		l.reg.Emulator().ServeHTTP(rec, r)
	}
	path, _, _ := strings.Cut(r.URL.Path, "/uploads/")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, fmt.Sprintf("%s %s %d %d", r.Method, path, rec.status, body.read))
}

// took returns and clears the log of requests.
func (l *longRunning) took() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.requests
	l.requests = nil
	return log
}

func (l *longRunning) count(log []string, prefix string) (n int) {
	for _, line := range log {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

type countedBody struct {
	io.ReadCloser
	read int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}

// heap returns the memory that is in use, after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // finalizers and pools of the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// memory watches the heap while a blob passes.
type memory struct {
	start, peak uint64
	next        int64
}

func watchMemory() *memory { return &memory{start: heap()} }

func (m *memory) look(read int64) {
	if read < m.next {
		return
	}
	m.next = read + 4<<20
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	m.peak = max(m.peak, sample[0].Value.Uint64())
}

// mostMemory is what client and registry together may take while 200 MiB pass:
// their buffers, and as much again that was not collected yet.
const mostMemory = 32 << 20

func (m *memory) check(t *testing.T) {
	t.Helper()
	grown := int64(m.peak) - int64(m.start)
	t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
	if m.peak == 0 || grown > mostMemory {
		t.Errorf("the heap grew by %d bytes while the blob passed", grown)
	}
}

// wantStored checks that the registry holds the whole blob. It has compared the
// digest itself, before it took it.
func (l *longRunning) wantStored(repository string, size int64) {
	l.t.Helper()
	resp := l.send(http.MethodHead, "https://"+l.host+"/v2/"+repository+"/blobs/"+digestOf(size).String(), nil, 0)
	if resp.StatusCode != http.StatusOK || resp.ContentLength != size {
		l.t.Errorf("the registry holds %d bytes, want %d: %s", resp.ContentLength, size, resp.Status)
	}
}

func (l *longRunning) start(repository string) string {
	l.t.Helper()
	resp := l.send(http.MethodPost, "https://"+l.host+"/v2/"+repository+"/blobs/uploads/", nil, 0)
	if resp.StatusCode != http.StatusAccepted {
		l.t.Fatalf("start an upload: %s", resp.Status)
	}
	return l.location(resp)
}

func (l *longRunning) location(resp *http.Response) string {
	l.t.Helper()
	u, err := resp.Location()
	if err != nil {
		l.t.Fatal(err)
	}
	return u.String()
}

// send sends a stream: net/http gives it no GetBody.
func (l *longRunning) send(method, target string, body io.Reader, size int64) *http.Response {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, target, body)
	if err != nil {
		l.t.Fatal(err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := l.rt.RoundTrip(req)
	if err != nil {
		l.t.Fatalf("%s: %v", method, err)
	}
	l.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func withDigest(t *testing.T, location string, d digest.Digest) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("digest", d.String())
	u.RawQuery = q.Encode()
	return u.String()
}

var bigRights = []string{"repositories/big/*/content/read", "repositories/big/*/content/write"}

// oras-go sends a blob in one PUT, as a stream that cannot be rewound. The token is
// good when the PUT begins and has ended two hours before it is through.
func TestTokenEndsInAnUpload_monolithic(t *testing.T) {
	for _, tt := range []struct {
		http2 bool
		size  int64
	}{{false, bigBlob}, {true, bigBlob / 8}} {
		t.Run(fmt.Sprintf("http2=%v", tt.http2), func(t *testing.T) {
			l, size := newLongRunning(t, tt.http2, bigRights...), tt.size
			repo, err := remote.NewRepository(l.host + "/big/blob")
			if err != nil {
				t.Fatal(err)
			}
			repo.Client = &http.Client{Transport: l.rt}
			want := ocispec.Descriptor{MediaType: "application/octet-stream", Digest: digestOf(size), Size: size}
			mem, ended := watchMemory(), false
			// Not as *generated: nothing but a stream.
			body := struct{ io.Reader }{newGenerated(size, func(read int64) {
				mem.look(read)
				if read > size/2 && !ended {
					ended = true
					l.pass(3 * time.Hour)
				}
			})}
			if err := repo.Blobs().Push(t.Context(), want, body); err != nil {
				t.Fatal(err)
			}
			mem.check(t)
			log := l.took()
			if got := l.count(log, fmt.Sprintf("PUT /v2/big/blob/blobs 201 %d", size)); got != 1 || len(log) != 3 {
				t.Errorf("requests, want a token, POST and one PUT of the whole:\n%s", strings.Join(log, "\n"))
			}
			// What comes after is not tried with the token that has ended.
			l.wantStored("big/blob", size)
			if log := l.took(); l.count(log, "POST /oauth2/token 200") != 1 || len(log) != 2 {
				t.Errorf("requests after the end of the token:\n%s", strings.Join(log, "\n"))
			}
		})
	}
}

// The same blob in chunks of 8 MiB, six minutes each: two and a half hours, in which
// tokens end more than once. None of the chunks, all of them streams, meets that.
func TestTokenEndsInAnUpload_chunks(t *testing.T) {
	l := newLongRunning(t, false, bigRights...)
	mem := watchMemory()
	blob := newGenerated(bigBlob, mem.look)
	location := l.start("big/blob")
	const chunk = 8 << 20
	for sent := int64(0); sent < bigBlob; sent += chunk {
		l.pass(6 * time.Minute)
		resp := l.send(http.MethodPatch, location, io.LimitReader(blob, chunk), chunk)
		if resp.StatusCode != http.StatusAccepted {
			t.Fatalf("chunk at %d: %s", sent, resp.Status)
		}
		location = l.location(resp)
	}
	l.pass(6 * time.Minute)
	if resp := l.send(http.MethodPut, withDigest(t, location, digestOf(bigBlob)), nil,
		0); resp.StatusCode != http.StatusCreated {
		t.Fatalf("the end of the upload: %s", resp.Status)
	}
	mem.check(t)
	log := l.took()
	if n := l.count(log, fmt.Sprintf("PATCH /v2/big/blob/blobs 202 %d", chunk)); n != bigBlob/chunk {
		t.Errorf("%d whole chunks, want %d:\n%s", n, bigBlob/chunk, strings.Join(log, "\n"))
	}
	if tokens := l.count(log, "POST /oauth2/token 200"); tokens < 2 || tokens > 5 ||
		len(log) != tokens+bigBlob/chunk+2 {
		t.Errorf("%d token requests of %d requests:\n%s", tokens, len(log), strings.Join(log, "\n"))
	}
	l.wantStored("big/blob", bigBlob)
}

// A token that ends before its time, which the client cannot know: a stream is refused,
// once, with an error that says so, and nothing empty or half is stored in its
// place. The same call again succeeds. A body that rewinds is sent again, whole.
func TestTokenEndsInAnUpload_unforeseen(t *testing.T) {
	const size = 48 << 20
	t.Run("stream", func(t *testing.T) {
		l := newLongRunning(t, false, bigRights...)
		location := l.start("big/blob")
		l.lost.Store(true)
		l.took()
		resp := l.send(http.MethodPut, withDigest(t, location, digestOf(size)), newGenerated(size, nil), size)
		err := l.rt.ResponseError(resp, `upload a blob to "big/blob"`)
		if !errors.Is(err, acrkit.CodeCredentialRejected) ||
			!strings.Contains(err.Error(), `cannot upload a blob to "big/blob"`) ||
			!strings.Contains(err.Error(), "can be read only once") {
			t.Errorf("got %v", err)
		}
		if log := l.took(); len(log) != 1 || !strings.HasPrefix(log[0], "PUT /v2/big/blob/blobs 401") {
			t.Errorf("requests %q, want the one that was refused", log)
		}
		if resp := l.send(http.MethodPut, withDigest(t, location, digestOf(size)), newGenerated(size, nil),
			size); resp.StatusCode != http.StatusCreated {
			t.Errorf("the same call again: %s", resp.Status)
		}
		l.wantStored("big/blob", size)
	})
	t.Run("rewinds", func(t *testing.T) {
		l := newLongRunning(t, false, bigRights...)
		location := l.start("big/blob")
		l.lost.Store(true)
		l.took()
		mem := watchMemory()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, withDigest(t, location, digestOf(size)),
			newGenerated(size, mem.look))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = size
		again := 0
		req.GetBody = func() (io.ReadCloser, error) {
			again++
			mem.next = 0
			return io.NopCloser(newGenerated(size, mem.look)), nil
		}
		resp, err := l.rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		mem.check(t)
		log := l.took()
		if resp.StatusCode != http.StatusCreated || again != 1 || l.count(log, "POST /oauth2/token 200") != 1 ||
			len(log) != 3 {
			t.Errorf("status %d, rewound %d times, requests:\n%s", resp.StatusCode, again, strings.Join(log, "\n"))
		}
		l.wantStored("big/blob", size)
	})
}

// Microsoft's client, which reads each chunk through a calculator of the digest and
// rewinds it itself: tokens end between chunks, and one before its time.
func TestTokenEndsInAnUpload_azure(t *testing.T) {
	l := newLongRunning(t, false, bigRights...)
	blobs, err := azcontainerregistry.NewBlobClient("https://"+l.host, nil,
		&azcontainerregistry.BlobClientOptions{ClientOptions: azureauth.ClientOptions(l.rt, nil)})
	if err != nil {
		t.Fatal(err)
	}
	const size, chunk = bigBlob, 40 << 20
	mem := watchMemory()
	start, err := blobs.StartUpload(t.Context(), "big/blob", nil)
	if err != nil {
		t.Fatal(err)
	}
	location, sum := *start.Location, azcontainerregistry.NewBlobDigestCalculator()
	for at := int64(0); at < size; at += chunk {
		l.pass(40 * time.Minute)
		l.lost.Store(at == 2*chunk)
		answer, err := blobs.UploadChunk(t.Context(), location, newSection(at, chunk, mem), sum, nil)
		if err != nil {
			t.Fatalf("chunk at %d: %v", at, err)
		}
		location = *answer.Location
	}
	done, err := blobs.CompleteUpload(t.Context(), location, sum, nil)
	if err != nil || *done.DockerContentDigest != digestOf(size).String() {
		t.Fatalf("got %v, %v", done.DockerContentDigest, err)
	}
	mem.check(t)
	log := l.took()
	if whole, refused := l.count(log, fmt.Sprintf("PATCH /v2/big/blob/blobs 202 %d", chunk)),
		l.count(log, "PATCH /v2/big/blob/blobs 401"); whole != size/chunk || refused != 1 {
		t.Errorf("%d whole chunks and %d refused, want %d and 1:\n%s", whole, refused, size/chunk,
			strings.Join(log, "\n"))
	}
	if tokens := l.count(log, "POST /oauth2/token 200"); tokens > 6 {
		t.Errorf("%d token requests:\n%s", tokens, strings.Join(log, "\n"))
	}
	l.wantStored("big/blob", size)
}

// section is a part of the generated blob that can be rewound.
type section struct {
	*generated
	at, size int64
	mem      *memory
}

func newSection(at, size int64, mem *memory) *section {
	return &section{newPart(at, size, mem.look), at, size, mem}
}

// Seek knows what azcore asks for: the size, and back to the beginning.
func (s *section) Seek(offset int64, whence int) (int64, error) {
	switch {
	case whence == io.SeekStart && offset == 0:
		s.mem.next = 0
		s.generated = newPart(s.at, s.size, s.mem.look)
	case whence == io.SeekEnd && offset == 0:
		s.read = s.size
	case whence != io.SeekCurrent || offset != 0:
		return 0, fmt.Errorf("seek %d from %d", offset, whence)
	}
	return s.read, nil
}

// oras-go lists tags for three hours, a page every half hour; and a caller that
// gives up in the middle leaves nothing behind.
func TestTokenEndsInAList_oras(t *testing.T) {
	l := newLongRunning(t, true, "repositories/big/*/content/read", "repositories/big/*/metadata/read")
	var tags []string
	for i := range 70 {
		tags = append(tags, fmt.Sprintf("v%03d", i))
	}
	l.reg.Push("big/blob", tags...)
	repo, err := remote.NewRepository(l.host + "/big/blob")
	if err != nil {
		t.Fatal(err)
	}
	repo.Client, repo.TagListPageSize = &http.Client{Transport: l.rt}, 10
	var got []string
	err = repo.Tags(t.Context(), "", func(page []string) error {
		got = append(got, page...)
		l.pass(30 * time.Minute)
		return nil
	})
	if err != nil || strings.Join(got, " ") != strings.Join(tags, " ") {
		t.Errorf("got %d tags, want %d: %v", len(got), len(tags), err)
	}
	log := l.took()
	if n := l.count(log, "GET /v2/big/blob/tags/list 200"); n != len(log)-l.count(log, "POST /oauth2/token 200") {
		t.Errorf("requests:\n%s", strings.Join(log, "\n"))
	}
	if n := l.count(log, "POST /oauth2/token 200"); n < 3 || n > 7 {
		t.Errorf("%d token requests in three hours and a half", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = repo.Tags(ctx, "", func([]string) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}
