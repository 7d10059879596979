package dataplane_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/blob/faultfs"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

const (
	login        = "myregistry.azurecr.io"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	unknown      = "sha256:00000000000000000000000000000000000000000000000000000000000000ff"
)

// server is a data plane whose rights are the test's.
type server struct {
	t     *testing.T
	url   string
	store *content.Store
	reg   int64

	mu       sync.Mutex
	allow    func(required acrkit.Scope) dataplane.Verdict
	required []string
	broken   error // of Authorize
}

type setup struct {
	dir   string
	fs    blob.FS
	pages int
}

func serve(t *testing.T, s setup) *server {
	t.Helper()
	var mu sync.Mutex
	now := time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Minute)
		return now
	}
	d, err := db.Open(t.Context(), s.dir, &db.Options{Migrations: content.Migrations(), Now: clock, MaxPages: s.pages})
	if err != nil {
		t.Fatal(err)
	}
	var blobs blob.Store = blob.NewMemory(nil)
	if s.dir != "" {
		if blobs, err = blob.OpenDisk(s.dir, s.fs); err != nil {
			t.Fatal(err)
		}
	}
	store, err := content.Open(t.Context(), d, blobs, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := store.CreateRegistry(t.Context(), "myregistry")
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.CreateRegistry(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	srv := &server{t: t, store: store, reg: id}
	srv.allow = func(acrkit.Scope) dataplane.Verdict { return dataplane.Verdict{Allow: true} }
	h := dataplane.New(dataplane.Config{Store: store, Now: clock, Seed: 7,
		Authorize: func(_ *http.Request, reg dataplane.Registry, required acrkit.Scope) (dataplane.Verdict, error) {
			srv.mu.Lock()
			defer srv.mu.Unlock()
			srv.required = append(srv.required, required.String())
			return srv.allow(required), srv.broken
		}})
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg := dataplane.Registry{ID: id, Name: "myregistry", LoginServer: login, Scheme: "https"}
		if r.Header.Get("Test-Registry") == "second" {
			reg.ID = second
		}
		h.Serve(w, r, reg)
	}))
	srv.url = ts.URL
	t.Cleanup(func() {
		ts.Close()
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return srv
}

func (s *server) deny(v dataplane.Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allow = func(acrkit.Scope) dataplane.Verdict { return v }
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are "Name: value".
func (s *server) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(method, path, strings.NewReader(body), headers...)
}

func (s *server) send(method, path string, body io.Reader, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// want checks status and body; "*" is any body.
func (s *server) want(a answer, status int, body string) answer {
	s.t.Helper()
	if a.status != status || body != "*" && a.body != body {
		s.t.Errorf("got %d %q\nwant %d %q", a.status, a.body, status, body)
	}
	return a
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (s *server) blob(repo, text string) string {
	s.t.Helper()
	d := digestOf(text)
	s.want(s.do("POST", "/v2/"+repo+"/blobs/uploads/?digest="+url.QueryEscape(d), text), 201, "")
	return d
}

func imageJSON(config, layer string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		manifestType, digestOf(config), len(config), digestOf(layer), len(layer))
}

func (s *server) image(repo, tag string) string {
	s.t.Helper()
	config, layer := `{"architecture":"amd64","os":"linux"}`, "layer of "+tag
	s.blob(repo, config)
	s.blob(repo, layer)
	body := imageJSON(config, layer)
	s.want(s.do("PUT", "/v2/"+repo+"/manifests/"+tag, body, "Content-Type: "+manifestType), 201, "")
	return digestOf(body)
}

func errorBody(code, message, detail string) string {
	if detail != "" {
		detail = `,"detail":` + detail
	}
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":%q%s}]}`+"\n", code, message, detail)
}

const needAuth = "authentication required, visit https://aka.ms/acr/authorization for more information."

func TestChallenges(t *testing.T) {
	s := serve(t, setup{})
	item := func(name string, actions ...string) string {
		var all []string
		for _, a := range actions {
			typ := "repository"
			if name == "catalog" {
				typ = "registry"
			}
			all = append(all, fmt.Sprintf(`{"Type":%q,"Name":%q,"Action":%q}`, typ, name, a))
		}
		return strings.Join(all, ",")
	}
	const d = unknown
	for _, c := range []struct {
		method, path, scope, detail string
	}{
		{"GET", "/v2/", "", "null"},
		{"GET", "/v2", "", "null"},
		{"GET", "/v2/_catalog", "registry:catalog:*", item("catalog", "*")},
		{"GET", "/acr/v1/_catalog?n=2", "registry:catalog:*", item("catalog", "*")},
		{"GET", "/v2/a/manifests/v1", "repository:a:pull", item("a", "pull")},
		{"HEAD", "/v2/a/manifests/v1", "repository:a:pull", ""},
		{"PUT", "/v2/library%2Fhello-world/manifests/v1", "repository:library/hello-world:pull,push", item("library/hello-world", "pull", "push")},
		{"DELETE", "/v2/a/manifests/" + d, "repository:a:delete", item("a", "delete")},
		{"GET", "/v2/a/blobs/" + d, "repository:a:pull", item("a", "pull")},
		{"DELETE", "/v2/a/blobs/" + d, "repository:a:delete", item("a", "delete")},
		{"POST", "/v2/a/blobs/uploads/", "repository:a:pull,push", item("a", "pull", "push")},
		{"POST", "/v2/a/blobs/uploads/?mount=" + d, "repository:a:pull,push", item("a", "pull", "push")},
		{"POST", "/v2/dst/blobs/uploads/?from=src&mount=" + d, "repository:src:pull repository:dst:pull,push", item("dst", "pull", "push") + "," + item("src", "pull")},
		{"PATCH", "/v2/a/blobs/uploads/1-2", "repository:a:pull,push", item("a", "pull", "push")},
		{"PUT", "/v2/a/blobs/uploads/1-2?digest=" + d, "repository:a:pull,push", item("a", "pull", "push")},
		{"GET", "/v2/a/blobs/uploads/1-2", "repository:a:pull,push", item("a", "pull", "push")},
		{"DELETE", "/v2/a/blobs/uploads/1-2", "repository:a:delete", item("a", "delete")},
		{"GET", "/v2/a/tags/list", "repository:a:metadata_read", item("a", "metadata_read")},
		{"GET", "/v2/a/referrers/" + d, "repository:a:pull", item("a", "pull")},
		{"GET", "/acr/v1/a", "repository:a:metadata_read", item("a", "metadata_read")},
		{"PATCH", "/acr/v1/a", "repository:a:metadata_write", item("a", "metadata_write")},
		{"DELETE", "/acr/v1/a", "repository:a:delete", item("a", "delete")},
		{"GET", "/acr/v1/a/_tags", "repository:a:metadata_read", item("a", "metadata_read")},
		{"GET", "/acr/v1/a/_tags/v1", "repository:a:metadata_read", item("a", "metadata_read")},
		{"PATCH", "/acr/v1/a/_tags/v1", "repository:a:metadata_write", item("a", "metadata_write")},
		{"DELETE", "/acr/v1/a/_tags/v1", "repository:a:delete", item("a", "delete")},
		{"GET", "/acr/v1/a/_manifests", "repository:a:metadata_read", item("a", "metadata_read")},
		{"GET", "/acr/v1/a/_manifests/" + d, "repository:a:metadata_read", item("a", "metadata_read")},
		{"PATCH", "/acr/v1/a/_manifests/" + d, "repository:a:metadata_write", item("a", "metadata_write")},
	} {
		for _, v := range []dataplane.Verdict{{}, {ChallengeError: "insufficient_scope"}, {ChallengeError: "invalid_token"}, {Basic: true}} {
			t.Run(c.method+c.path+"/"+v.ChallengeError, func(t *testing.T) {
				s.t = t
				s.deny(v)
				s.required = nil
				detail := c.detail
				if detail != "null" {
					detail = "[" + detail + "]"
				}
				body := errorBody("UNAUTHORIZED", needAuth, detail)
				if c.method == "HEAD" {
					body = ""
				}
				a := s.want(s.do(c.method, c.path, ""), 401, body)
				want := `Bearer realm="https://` + login + `/oauth2/token",service="` + login + `"`
				if c.scope != "" {
					want += `,scope="` + c.scope + `"`
				}
				if v.ChallengeError != "" {
					want += `,error="` + v.ChallengeError + `"`
				}
				if v.Basic {
					want = `Basic realm="Azure Container Registry"`
				}
				got := strings.Replace(a.header.Get("WWW-Authenticate"), "push,pull", "pull,push", 1)
				if got != want {
					t.Errorf("challenge\n%s, want\n%s", got, want)
				}
				required, err := acrkit.ParseScope(c.scope)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{required.String()}, s.required); diff != "" {
					t.Errorf("required scope (-want +got):\n%s", diff)
				}
				if a.header.Get("X-Ms-Request-Id") != "" {
					t.Error("X-Ms-Request-Id on an answer to the unauthorised")
				}
			})
		}
	}
	s.t = t
	s.deny(dataplane.Verdict{})
	if a := s.do("GET", "/v2/", ""); a.header.Get("Content-Length") != "149" {
		t.Errorf("Content-Length %s, 149 is recorded", a.header.Get("Content-Length"))
	}
	if a := s.do("HEAD", "/v2/hello-world/manifests/v1", ""); a.header.Get("Content-Length") != "205" {
		t.Errorf("Content-Length %s of a HEAD answer", a.header.Get("Content-Length"))
	}
	orders := map[string]bool{}
	for range 64 {
		orders[s.do("POST", "/v2/a/blobs/uploads/", "").header.Get("WWW-Authenticate")] = true
	}
	if len(orders) != 2 {
		t.Errorf("%d orders of actions, want both", len(orders))
	}
}

func TestCommonHeaders(t *testing.T) {
	s := serve(t, setup{})
	guid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	expose := []string{"Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"}
	check := func(a answer, expose, client []string) {
		t.Helper()
		for name, want := range map[string][]string{
			"Docker-Distribution-Api-Version": {"registry/2.0"},
			"Strict-Transport-Security":       {"max-age=31536000; includeSubDomains", "max-age=31536000; includeSubDomains"},
			"X-Content-Type-Options":          {"nosniff"},
			"Access-Control-Expose-Headers":   expose,
			"X-Ms-Client-Request-Id":          client,
		} {
			if diff := cmp.Diff(want, a.header[name]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if id := a.header.Get("X-Ms-Correlation-Request-Id"); !guid.MatchString(id) {
			t.Errorf("X-Ms-Correlation-Request-Id %q", id)
		}
	}
	check(s.want(s.do("GET", "/v2/", ""), 200, "{}\n"), expose, []string{""})
	check(s.do("GET", "/v2/a/tags/list", "", "X-Ms-Client-Request-Id: mine"), expose, []string{"mine"})
	check(s.do("GET", "/acr/v1/_catalog", ""), expose, nil)
	// Malformed names and digests are refused before anybody is asked who he is.
	s.deny(dataplane.Verdict{})
	for _, path := range []string{"/v2/testblobclient/blobs/wrong%20digest", "/acr/v1/Nonexistent/_tags/x", "/v2/a//manifests/v1", "/v2/a/../b/manifests/v1", "/v2/nothing"} {
		a := s.want(s.do("DELETE", path, ""), 404, "404 page not found\n")
		check(a, nil, nil)
		if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("Content-Type %q", got)
		}
	}
	a := s.want(s.do("POST", "/acr/v1/_catalog", ""), 405, "*")
	if got := a.header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
}

func TestLongBodies(t *testing.T) {
	s := serve(t, setup{})
	for i := range 40 {
		s.image("a", fmt.Sprintf("tag-%02d", i))
	}
	// Each tag has about 280 bytes here.
	for n, counted := range map[string]bool{"1": true, "6": true, "20": false, "40": false} {
		a := s.want(s.do("GET", "/acr/v1/a/_tags?n="+n, ""), 200, "*")
		length := ""
		if counted {
			length = fmt.Sprint(len(a.body))
		}
		if got := a.header.Get("Content-Length"); got != length || !strings.HasSuffix(a.body, "}\n") {
			t.Errorf("%s tags, %d bytes: Content-Length %q, want %q", n, len(a.body), got, length)
		}
	}
}

func TestAuthorizeFails(t *testing.T) {
	s := serve(t, setup{})
	s.broken = errors.New("secret cause")
	s.want(s.do("GET", "/v2/", ""), 500, errorBody("UNKNOWN", "the emulator failed; its log says why", ""))
	s.broken = fmt.Errorf("write the decision: %w", db.ErrFull)
	s.want(s.do("GET", "/v2/", ""), 500, errorBody("UNKNOWN", "the emulator's data folder has no space left", ""))
}

func TestManifests(t *testing.T) {
	s := serve(t, setup{})
	d := s.image("a/b", "v1")
	for _, path := range []string{"/v2/a/b/manifests/v1", "/v2/a%2Fb/manifests/" + d, "/v2/a/b/manifests/" + strings.Replace(d, ":", "%3A", 1)} {
		a := s.want(s.do("GET", path, ""), 200, "*")
		if digestOf(a.body) != d || a.header.Get("Docker-Content-Digest") != d || a.header.Get("ETag") != `"`+d+`"` || a.header.Get("Content-Type") != manifestType {
			t.Errorf("%s: %v", path, a.header)
		}
		head := s.want(s.do("HEAD", path, ""), 200, "")
		if head.header.Get("Content-Length") != fmt.Sprint(len(a.body)) || head.header.Get("Docker-Content-Digest") != d {
			t.Errorf("HEAD %s: %v", path, head.header)
		}
	}
	s.want(s.do("GET", "/v2/a/b/manifests/v1", "", `If-None-Match: "`+d+`"`), 304, "")
	put := s.do("PUT", "/v2/a/b/manifests/v2", imageJSON("{}", "x"), "Content-Type: "+manifestType)
	s.want(put, 400, errorBody("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", `"`+digestOf("{}")+`"`))
	put = s.want(s.do("PUT", "/v2/a/b/manifests/sub", `{"schemaVersion":2,"manifests":[],"subject":{"digest":"`+d+`"},"artifactType":"a/b"}`, "Content-Type: "+indexType), 201, "")
	for name, want := range map[string]string{"OCI-Subject": d, "Location": "/v2/a/b/manifests/" + put.header.Get("Docker-Content-Digest")} {
		if got := put.header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	s.want(s.do("PUT", "/v2/a/b/manifests/v2", `{"schemaVersion":2,"mediaType":"x/y"}`, "Content-Type: "+manifestType), 400,
		errorBody("MANIFEST_INVALID", "manifest invalid", `{"Reason":{}}`))
	s.want(s.do("PUT", "/v2/a/b/manifests/v2", strings.Repeat(" ", content.MaxManifest+1), "Content-Type: "+manifestType), 413, "*")
	s.want(s.do("PUT", "/v2/a/b/manifests/"+unknown, `{"schemaVersion":2,"manifests":[]}`, "Content-Type: "+indexType), 400, "*")
	s.want(s.do("PUT", "/v2/a/b/manifests/sha256:bad", "{}", "Content-Type: "+indexType), 400, "*")

	a := s.want(s.do("GET", "/v2/a/b/referrers/"+d+"?artifactType=a%2Fb", ""), 200, fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":150,"artifactType":"a/b"}]}`+"\n", indexType, indexType, put.header.Get("Docker-Content-Digest")))
	if a.header.Get("OCI-Filters-Applied") != "artifactType" || a.header.Get("Content-Type") != indexType {
		t.Errorf("referrers: %v", a.header)
	}
	s.want(s.do("GET", "/v2/nowhere/referrers/"+d, ""), 200, `{"schemaVersion":2,"mediaType":"`+indexType+`","manifests":[]}`+"\n")

	s.want(s.do("DELETE", "/v2/a/b/manifests/v1", ""), 405, errorBody("UNSUPPORTED", "A manifest can only be deleted by digest.", ""))
	s.want(s.do("DELETE", "/v2/a/b/manifests/"+d, ""), 202, "")
	s.want(s.do("DELETE", "/v2/a/b/manifests/"+d, ""), 404, errorBody("MANIFEST_UNKNOWN", "manifest "+d+" is not found", ""))
	s.want(s.do("GET", "/v2/a/b/manifests/wrong-tag", ""), 404, errorBody("MANIFEST_UNKNOWN", `manifest tagged by "wrong-tag" is not found`, `{"Tag":"wrong-tag"}`))
	s.want(s.do("HEAD", "/v2/nowhere/manifests/v1", ""), 404, "")
	s.want(s.do("GET", "/v2/a/b/manifests/sha999:"+strings.Repeat("0", 64), ""), 400, "*")
}

func TestBlobs(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := serve(t, setup{dir: dir})
		text := strings.Repeat("0123456789", 41) + "0123456"
		d := s.blob("r", text)
		a := s.want(s.do("GET", "/v2/r/blobs/"+d, ""), 200, text)
		for name, want := range map[string]string{"Content-Type": "application/octet-stream", "Docker-Content-Digest": d,
			"Content-Length": "417", "Accept-Ranges": "bytes", "ETag": `"` + d + `"`} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
		head := s.want(s.do("HEAD", "/v2/r/blobs/"+d, ""), 200, "")
		if head.header.Get("Content-Length") != "417" || head.header.Get("Docker-Content-Digest") != d {
			t.Errorf("HEAD: %v", head.header)
		}
		for _, c := range []struct {
			header, ifRange string
			status          int
			contentRange    string
			body            string
		}{
			{"bytes=0-999", "", 206, "bytes 0-416/417", text},
			{"bytes=10-12", "", 206, "bytes 10-12/417", "012"},
			{"bytes=-2", "", 206, "bytes 415-416/417", "56"},
			{"bytes=10-12", `"` + d + `"`, 206, "bytes 10-12/417", "012"},
			{"bytes=10-12", `"other"`, 200, "", text},
			{"bytes=1-2,4-5", "", 200, "", text},
			{"bytes=417-", "", 416, "bytes */417", errorBody("RANGE_INVALID", "invalid range", "")},
		} {
			a := s.do("GET", "/v2/r/blobs/"+d, "", "Range: "+c.header, "If-Range: "+c.ifRange)
			s.want(a, c.status, c.body)
			if got := a.header.Get("Content-Range"); got != c.contentRange {
				t.Errorf("%s: Content-Range %q, want %q", c.header, got, c.contentRange)
			}
		}
		s.want(s.do("GET", "/v2/r/blobs/"+d, "", `If-None-Match: "`+d+`"`), 304, "")
		gone := errorBody("BLOB_UNKNOWN", "blob unknown to registry", "")
		s.want(s.do("GET", "/v2/other/blobs/"+d, ""), 404, gone)
		s.want(s.do("GET", "/v2/r/blobs/"+unknown, ""), 404, gone)
		s.want(s.do("HEAD", "/v2/r/blobs/"+unknown, ""), 404, "")
		mount := s.want(s.do("POST", "/v2/other/blobs/uploads/?from=r&mount="+url.QueryEscape(d), ""), 201, "")
		if mount.header.Get("Location") != "/v2/other/blobs/"+d || mount.header.Get("Docker-Content-Digest") != d {
			t.Errorf("mount: %v", mount.header)
		}
		s.want(s.do("DELETE", "/v2/r/blobs/"+d, ""), 202, "")
		s.want(s.do("DELETE", "/v2/r/blobs/"+d, ""), 404, gone)
		s.want(s.do("GET", "/v2/other/blobs/"+d, ""), 200, text)
		// A mount of what is not there becomes an upload.
		for _, query := range []string{"from=r&mount=" + d, "mount=" + d, "from=Bad&mount=" + d, "from=r&mount=bad"} {
			if a := s.want(s.do("POST", "/v2/third/blobs/uploads/?"+query, ""), 202, ""); a.header.Get("Docker-Upload-Uuid") == "" {
				t.Errorf("%s: %v", query, a.header)
			}
		}
		e := s.blob("r", "")
		s.want(s.do("GET", "/v2/r/blobs/"+e, ""), 200, "")
		s.want(s.do("POST", "/v2/r/blobs/uploads/?digest=sha256:bad", "x"), 400, errorBody("DIGEST_INVALID", "provided digest did not match uploaded content", `"digest parsing failed"`))
		s.want(s.do("POST", "/v2/r/blobs/uploads/?digest="+d, "x"), 400, "*")
	}
}

func TestUploads(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	start := func() answer { return s.want(s.do("POST", "/v2/a/b/blobs/uploads/", ""), 202, "") }
	location := func(a answer, wantRange string) string {
		t.Helper()
		if got := a.header.Get("Range"); got != wantRange {
			t.Errorf("Range %q, want %q", got, wantRange)
		}
		return a.header.Get("Location")
	}
	a := start()
	at := location(a, "0-0")
	id := a.header.Get("Docker-Upload-Uuid")
	prefix := "/v2/a/b/blobs/uploads/" + id + "?_nouploadcache=false&_state="
	if !strings.HasPrefix(at, prefix) {
		t.Fatalf("Location %q", at)
	}
	state, err := url.QueryUnescape(strings.TrimPrefix(at, prefix))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.URLEncoding.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name, UUID string
		Offset     int64
		StartedAt  time.Time
	}
	if err := json.Unmarshal(raw[32:], &got); err != nil || got.Name != "a/b" || got.UUID != id || got.Offset != 0 || got.StartedAt.IsZero() {
		t.Errorf("state %s, %v", raw[32:], err)
	}

	first := at
	at = location(s.want(s.do("PATCH", at, "0123456789"), 202, ""), "0-9")
	if at == first {
		t.Error("the address did not change")
	}
	at = location(s.want(s.do("PATCH", at, "abcdef", "Content-Range: 10-15"), 202, ""), "0-15")
	for _, bad := range []string{"10-15", "17-22", "16-22", "x", "22-16"} {
		a := s.want(s.do("PATCH", at, "ghijkl", "Content-Range: "+bad), 416, errorBody("RANGE_INVALID", "invalid content range", ""))
		location(a, "0-15")
		s.want(s.do("PUT", at+"&digest="+unknown, "ghijkl", "Content-Range: "+bad), 416, "*")
	}
	// A body of unknown length that goes beyond its range.
	s.want(s.send("PATCH", at, io.MultiReader(strings.NewReader("ghijkl")), "Content-Range: 16-17"), 400, errorBody("BLOB_UPLOAD_INVALID", "blob upload invalid", ""))
	at = location(s.want(s.do("GET", first, ""), 204, ""), "0-17") // an old address serves too
	s.want(s.do("PUT", at, ""), 400, errorBody("DIGEST_INVALID", "provided digest did not match uploaded content", `"digest parsing failed"`))
	s.want(s.do("PUT", at+"&digest=sha256%3A00000000", ""), 400, errorBody("DIGEST_INVALID", "provided digest did not match uploaded content", `"digest parsing failed"`))
	text := "0123456789abcdefgh!"
	done := s.want(s.do("PUT", at+"&digest="+url.QueryEscape(digestOf(text)), "!", "Content-Range: 18-18"), 201, "")
	if done.header.Get("Location") != "/v2/a/b/blobs/"+digestOf(text) || done.header.Get("Docker-Content-Digest") != digestOf(text) {
		t.Errorf("PUT: %v", done.header)
	}
	s.want(s.do("GET", "/v2/a/b/blobs/"+digestOf(text), ""), 200, text)
	unknownUpload := errorBody("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", "")
	s.want(s.do("GET", at, ""), 404, unknownUpload)
	s.want(s.do("PATCH", at, "x"), 404, unknownUpload)

	at = location(start(), "0-0")
	s.want(s.do("DELETE", at, ""), 204, "")
	s.want(s.do("DELETE", at, ""), 404, unknownUpload)

	// An address opens its own upload in its own repository alone.
	at = location(start(), "0-0")
	invalid := errorBody("BLOB_UPLOAD_INVALID", "blob upload invalid", "")
	other := start().header.Get("Docker-Upload-Uuid")
	uuid := strings.TrimPrefix(strings.Split(at, "?")[0], "/v2/a/b/blobs/uploads/")
	for what, bad := range map[string]string{
		"another repository": strings.Replace(at, "/v2/a/b/", "/v2/c/", 1),
		"another upload":     strings.Replace(at, uuid, other, 1),
		"no state":           strings.Split(at, "&_state=")[0],
		"a changed state":    strings.Replace(at, "&_state=", "&_state=AAAA", 1),
		"not base64":         strings.Split(at, "&_state=")[0] + "&_state=!",
	} {
		t.Run(what, func(t *testing.T) {
			s.t = t
			for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
				s.want(s.do(method, bad, ""), 404, invalid)
			}
		})
	}
	s.t = t
	s.want(s.do("PATCH", at, "x", "Test-Registry: second"), 404, invalid)
	// Mismatch drops the upload.
	s.want(s.do("PUT", at+"&digest="+unknown, "text"), 400, "*")
	s.want(s.do("GET", at, ""), 404, unknownUpload)
}

// TestClientDrops breaks a connection in the middle of a chunk: the upload goes
// on from what was stored.
func TestClientDrops(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	at := s.do("POST", "/v2/r/blobs/uploads/", "").header.Get("Location")
	text := strings.Repeat("0123456789", 100_000)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", at, len(text), text[:700_000])
	conn.Close()
	a := s.want(s.do("GET", at, ""), 204, "") // waits for the broken chunk
	var end int
	if _, err := fmt.Sscanf(a.header.Get("Range"), "0-%d", &end); err != nil || end != 699_999 && end != 0 {
		t.Fatalf("Range %q", a.header.Get("Range"))
	}
	for end != 699_999 { // the chunk had not begun when the status was asked
		_, _ = fmt.Sscanf(s.do("GET", at, "").header.Get("Range"), "0-%d", &end)
		if t.Context().Err() != nil {
			t.Fatal("the chunk never came")
		}
	}
	s.want(s.do("PUT", at+"&digest="+digestOf(text), text[700_000:], "Content-Range: 700000-999999"), 201, "")
	s.want(s.do("GET", "/v2/r/blobs/"+digestOf(text), ""), 200, text)
}

func TestAttributes(t *testing.T) {
	s := serve(t, setup{})
	d := s.image("a/b", "v1")
	enabled := `"changeableAttributes":{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`
	locked := strings.Replace(enabled, `"writeEnabled":true`, `"writeEnabled":false`, 1)
	created := regexp.MustCompile(`"(createdTime|lastUpdateTime)":"2026-01-02T03:[0-9:]{5}\.12Z"`)
	norm := func(a answer) answer {
		a.body = created.ReplaceAllString(a.body, `"$1":"T"`)
		return a
	}
	repo := `{"registry":"` + login + `","imageName":"a/b","createdTime":"T","lastUpdateTime":"T","manifestCount":1,"tagCount":1,` + enabled + "}\n"
	tag := `{"name":"v1","digest":"` + d + `","createdTime":"T","lastUpdateTime":"T","signed":false,` + enabled + "}"
	manifest := `{"digest":"` + d + `","imageSize":48,"createdTime":"T","lastUpdateTime":"T","architecture":"amd64","os":"linux","mediaType":"` + manifestType +
		`","configMediaType":"application/vnd.oci.image.config.v1+json","tags":["v1"],` + enabled + "}"
	head := `{"registry":"` + login + `","imageName":"a/b",`
	s.want(norm(s.do("GET", "/acr/v1/a%2Fb", "")), 200, repo)
	s.want(norm(s.do("GET", "/acr/v1/a/b/_tags/v1", "")), 200, head+`"tag":`+tag+"}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_tags", "")), 200, head+`"tags":[`+tag+"]}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_manifests/"+d, "")), 200, head+`"manifest":`+manifest+"}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_manifests?orderby=timedesc", "")), 200, head+`"manifests":[`+manifest+"]}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_tags?digest="+unknown, "")), 200, head+`"tags":[]}`+"\n")
	index := `{"schemaVersion":2,"manifests":[{"digest":"` + d + `","size":1,"platform":{"architecture":"amd64","os":"linux"}}]}`
	s.want(s.do("PUT", "/v2/a/b/manifests/multi", index, "Content-Type: "+indexType), 201, "")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_manifests/"+digestOf(index), "")), 200, head+`"manifest":{"digest":"`+digestOf(index)+
		`","imageSize":48,"createdTime":"T","lastUpdateTime":"T","mediaType":"`+indexType+`","tags":["multi"],`+enabled+`,"references":[{"digest":"`+d+`","architecture":"amd64","os":"linux"}]}}`+"\n")

	for _, item := range []struct{ path, body string }{
		{"/acr/v1/a/b", strings.NewReplacer(`"manifestCount":1,"tagCount":1`, `"manifestCount":2,"tagCount":2`).Replace(repo)},
		{"/acr/v1/a/b/_tags/v1", head + `"tag":` + tag + "}\n"},
		{"/acr/v1/a/b/_manifests/" + d, head + `"manifest":` + manifest + "}\n"},
	} {
		s.want(norm(s.do("PATCH", item.path, `{"writeEnabled":false,"quarantineState":"x"}`)), 200, strings.Replace(item.body, enabled, locked, 1))
		s.want(norm(s.do("PATCH", item.path, `{"deleteEnabled":true,"writeEnabled":true}`)), 200, item.body)
		for _, bad := range []string{"", "null", "[]", `{"writeEnabled":"no"}`, "{"} {
			s.want(s.do("PATCH", item.path, bad), 400, "*")
		}
		s.want(s.do("PATCH", item.path, strings.Repeat(" ", 64<<10)+"{}"), 413, "*")
		s.want(norm(s.do("GET", item.path, "")), 200, item.body)
	}

	// Locked items.
	disallowed := errorBody("REGISTRY_DISALLOWED_OPERATION", "The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation", "{}")
	s.want(s.do("PATCH", "/acr/v1/a/b/_tags/v1", `{"deleteEnabled":false,"readEnabled":false}`), 200, "*")
	s.want(s.do("DELETE", "/acr/v1/a/b/_tags/v1", ""), 405, disallowed)
	s.want(s.do("DELETE", "/acr/v1/a/b", ""), 405, disallowed)
	s.want(s.do("GET", "/v2/a/b/manifests/v1", ""), 405, disallowed)
	s.want(s.do("PATCH", "/acr/v1/a/b/_tags/v1", `{"deleteEnabled":true,"readEnabled":true}`), 200, "*")

	a := s.want(s.do("DELETE", "/acr/v1/a/b/_tags/v1", ""), 202, "")
	if got := a.header["X-Ms-Int-Docker-Content-Digest"]; !slices.Equal(got, []string{d}) {
		t.Errorf("digest of the tag: %v", got)
	}
	digests := []string{d, digestOf(index)}
	slices.Sort(digests)
	s.want(s.do("DELETE", "/acr/v1/a/b", ""), 202, `{"manifestsDeleted":["`+strings.Join(digests, `","`)+`"],"tagsDeleted":["multi"]}`+"\n")
}

func TestUnknown(t *testing.T) {
	s := serve(t, setup{})
	s.image("here", "v1")
	notFound := errorBody("NAME_UNKNOWN", `repository "wrong-name" is not found`, "")
	noTag := errorBody("TAG_UNKNOWN", "the specified tag does not exist", "")
	noManifest := errorBody("MANIFEST_UNKNOWN", "manifest unknown", "")
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/acr/v1/wrong-name", notFound},
		{"PATCH", "/acr/v1/wrong-name", notFound},
		{"GET", "/acr/v1/wrong-name/_tags", notFound},
		{"GET", "/acr/v1/wrong-name/_manifests", notFound},
		{"GET", "/v2/wrong-name/tags/list", notFound},
		{"DELETE", "/acr/v1/wrong-name", errorBody("NAME_UNKNOWN", "repository name not known to registry", `{"name":"wrong-name"}`)},
		{"GET", "/acr/v1/here/_tags/no", noTag},
		{"PATCH", "/acr/v1/here/_tags/no", noTag},
		{"DELETE", "/acr/v1/here/_tags/no", noTag},
		{"DELETE", "/acr/v1/wrong-name/_tags/no", noTag},
		{"GET", "/acr/v1/here/_manifests/" + unknown, noManifest},
		{"PATCH", "/acr/v1/wrong-name/_manifests/" + unknown, noManifest},
		{"GET", "/acr/v1/here/_manifests/sha999:" + strings.Repeat("0", 64), noManifest},
	} {
		s.want(s.do(c.method, c.path, "{}"), 404, c.body)
	}
}

func TestPages(t *testing.T) {
	s := serve(t, setup{})
	for _, tag := range []string{"c", "a", "b"} {
		s.image("library/busybox", tag)
	}
	s.image("alpine", "v1")
	next := func(a answer, want string) {
		t.Helper()
		if got := a.header.Get("Link"); got != want {
			t.Errorf("Link %q, want %q", got, want)
		}
	}
	link := func(path string) string { return "<" + path + `>; rel="next"` }
	next(s.want(s.do("GET", "/acr/v1/_catalog?n=1&api-version=2021-07-01", ""), 200, `{"repositories":["alpine"]}`+"\n"), link("/acr/v1/_catalog?last=alpine&n=1&orderby="))
	next(s.want(s.do("GET", "/acr/v1/_catalog?last=alpine&n=1&orderby=", ""), 200, `{"repositories":["library/busybox"]}`+"\n"), "")
	next(s.want(s.do("GET", "/v2/_catalog?n=2", ""), 200, `{"repositories":["alpine","library/busybox"]}`+"\n"), "")
	next(s.want(s.do("GET", "/v2/library/busybox/tags/list?n=2", ""), 200, `{"name":"library/busybox","tags":["a","b"]}`+"\n"), link("/v2/library/busybox/tags/list?last=b&n=2&orderby="))
	next(s.do("GET", "/acr/v1/library%2Fbusybox/_tags?n=1&orderby=timedesc", ""), link("/acr/v1/library%2Fbusybox/_tags?last=b&n=1&orderby=timedesc"))
	next(s.do("GET", "/acr/v1/library%2Fbusybox/_tags?n=1&orderby=0", ""), link("/acr/v1/library%2Fbusybox/_tags?last=a&n=1&orderby="))
	if a := s.do("GET", "/acr/v1/library%2Fbusybox/_manifests?n=1", ""); !strings.HasPrefix(a.header.Get("Link"), "</acr/v1/library%2Fbusybox/_manifests?last=sha256%3A") {
		t.Errorf("Link %q", a.header.Get("Link"))
	}
	s.want(s.do("GET", "/v2/library/busybox/tags/list?n=0", ""), 200, `{"name":"library/busybox","tags":[]}`+"\n")
	for _, n := range []string{"-1", "x", "1.5"} {
		s.want(s.do("GET", "/acr/v1/_catalog?n="+n, ""), 400, errorBody("PAGINATION_NUMBER_INVALID", "invalid number of results requested", `{"n":"`+n+`"}`))
		s.want(s.do("GET", "/acr/v1/alpine/_tags?n="+n, ""), 400, "*")
		s.want(s.do("GET", "/v2/alpine/tags/list?n="+n, ""), 400, "*")
	}
	// 1100 tags: 100 by default, 1000 at most, whole by following Link.
	for i := range 1100 {
		if _, _, err := s.store.PutManifest(t.Context(), s.reg, "many", fmt.Sprintf("t%04d", i), indexType, []byte(`{"schemaVersion":2,"manifests":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	tags := func(a answer) (n int) {
		var body struct{ Tags []any }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatal(err)
		}
		return len(body.Tags)
	}
	for _, path := range []string{"/acr/v1/many/_tags", "/v2/many/tags/list"} {
		a := s.do("GET", path, "")
		next(a, link(path+"?last=t0099&n=100&orderby="))
		if n := tags(a); n != 100 {
			t.Errorf("%s: %d tags, want 100", path, n)
		}
		for _, n := range []string{"5000", "99999999999999999999"} {
			a = s.do("GET", path+"?n="+n, "")
			next(a, link(path+"?last=t0999&n=1000&orderby="))
		}
		to := strings.TrimPrefix(strings.TrimSuffix(a.header.Get("Link"), `>; rel="next"`), "<")
		a = s.do("GET", to, "")
		next(a, "")
		if n := tags(a); n != 100 {
			t.Errorf("%s: %d tags on the last page, want 100", path, n)
		}
	}
}

// TestFull lets the disk fill up and empties it again.
func TestFull(t *testing.T) {
	full := errorBody("UNKNOWN", "the emulator's data folder has no space left", "")
	fs := faultfs.New()
	s := serve(t, setup{dir: t.TempDir(), fs: fs})
	d := s.image("r", "v1")
	at := s.do("POST", "/v2/r/blobs/uploads/", "").header.Get("Location")
	fs.Fail(func(op faultfs.Op, _ string) error {
		if op == faultfs.Write {
			return syscall.ENOSPC
		}
		return nil
	})
	s.want(s.do("PATCH", at, "chunk", "Content-Range: 0-4"), 500, full)
	s.want(s.do("POST", "/v2/r/blobs/uploads/?digest="+digestOf("x"), "x"), 500, full)
	s.want(s.do("GET", "/v2/r/manifests/"+d, ""), 200, "*")
	s.want(s.do("HEAD", "/v2/r/blobs/"+digestOf("x"), ""), 404, "")
	fs.Fail(func(op faultfs.Op, _ string) error {
		if op == faultfs.Write {
			return syscall.EIO
		}
		return nil
	})
	s.want(s.do("PATCH", at, "chunk"), 500, errorBody("UNKNOWN", "the emulator failed; its log says why", ""))
	fs.Fail(nil)
	s.want(s.do("PATCH", at, "chunk", "Content-Range: 0-4"), 202, "")
	s.want(s.do("PUT", at+"&digest="+digestOf("chunk"), ""), 201, "")

	s = serve(t, setup{dir: t.TempDir(), pages: 60})
	s.image("r", "v1")
	for i := 0; ; i++ {
		body := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"n":"%d%s"}}`, i, strings.Repeat("x", 9000))
		a := s.do("PUT", fmt.Sprintf("/v2/r/manifests/t%d", i), body, "Content-Type: "+indexType)
		if a.status == 201 && i < 1000 {
			continue
		}
		s.want(a, 500, full)
		break
	}
	s.want(s.do("GET", "/v2/r/manifests/v1", ""), 200, "*")
}

// TestCancelledDownload leaves in the middle of a blob: the handler ends.
func TestCancelledDownload(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	text := strings.Repeat("x", 32<<20)
	d := s.blob("r", text)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v2/r/blobs/"+d, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	var some [1000]byte
	if _, err := io.ReadFull(resp.Body, some[:]); err != nil || !bytes.Equal(some[:], []byte(text[:1000])) {
		t.Errorf("the first bytes: %v", err)
	}
	cancel()
	resp.Body.Close() // the server's Close in Cleanup waits for the handler: it must have stopped
}
