package dataplane_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/route"
)

// server is a data plane whose rights are the test's.
type server struct {
	t     *testing.T
	url   string
	store *content.Store
	db    *db.DB
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
	log   io.Writer // nil = nothing is logged
}

func serve(t *testing.T, s setup) *server {
	t.Helper()
	clock := contenttest.Ticking(time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.UTC), time.Minute)
	opened := contenttest.Open(t, contenttest.Setup{Dir: s.dir, FS: s.fs, Pages: s.pages, Now: clock})
	store, id := opened.Store, opened.Registry
	second, err := store.CreateRegistry(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	srv := &server{t: t, store: store, db: opened.DB, reg: id}
	srv.allow = func(acrkit.Scope) dataplane.Verdict { return dataplane.Verdict{Allow: true} }
	var logger *slog.Logger
	if s.log != nil {
		logger = slog.New(slog.NewTextHandler(s.log, nil))
	}
	h := dataplane.New(dataplane.Config{Store: store, Now: clock, Seed: 7, Logger: logger,
		Authorize: func(_ *http.Request, reg dataplane.Endpoint, required acrkit.Scope) (dataplane.Verdict, error) {
			srv.mu.Lock()
			defer srv.mu.Unlock()
			srv.required = append(srv.required, required.String())
			return srv.allow(required), srv.broken
		}})
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg := dataplane.Endpoint{ID: id, Name: "myregistry", Host: login, LoginServer: login, Scheme: "https"}
		if r.Header.Get("Test-Registry") == "second" {
			reg.ID = second
		}
		h.Serve(w, r, route.Of(r), reg)
	}))
	srv.url = ts.URL
	t.Cleanup(ts.Close)
	return srv
}

// execute changes the database behind the store's back.
func (s *server) execute(query string) {
	s.t.Helper()
	if err := s.db.Write(s.t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(query); return err }); err != nil {
		s.t.Fatal(err)
	}
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

// accepts has every type of a manifest; a request sends it unless it names another
// Accept.
const accepts = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
	"application/vnd.oci.artifact.manifest.v1+json"

// do sends a request; headers are "Name: value", without a value none is sent.
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
	r.Header.Set("Accept", accepts)
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ": ")
		if r.Header.Del(name); ok {
			r.Header.Add(name, value)
		}
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
	return fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
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
