package proxy_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/proxy"
)

// base is a network in memory: a token service, and a registry with the given answers.
type base func(*http.Request) (*http.Response, error)

func (b base) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/oauth2/") {
		return respond(r, strings.NewReader(fmt.Sprintf(`{"access_token":%q}`, upstreamToken))), nil
	}
	return b(r)
}

func respond(r *http.Request, body io.Reader) *http.Response {
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(body),
		ContentLength: -1, Request: r, ProtoMajor: 1, ProtoMinor: 1}
}

// stalling is a body that ends with its request's context, after some pieces that
// come slowly.
type stalling struct {
	ctx    context.Context
	pieces int
	every  time.Duration
	ends   bool   // after the pieces
	text   string // of a piece; "" = piece
}

// piece is what is enough to count as moving, each 30 seconds.
var piece = strings.Repeat("x", 1<<10)

func (s *stalling) Read(p []byte) (int, error) {
	if s.pieces > 0 {
		s.pieces--
		time.Sleep(s.every) // the bubble's clock
		return copy(p, cmp.Or(s.text, piece)), nil
	}
	if s.ends {
		return 0, io.EOF
	}
	<-s.ctx.Done()
	return 0, context.Cause(s.ctx)
}

// TestIdle: a transfer in which nothing moves is ended, however long it was; one
// that moves slowly is not.
func TestIdle(t *testing.T) {
	const limit = 30 * time.Second
	for _, tt := range []struct {
		name    string
		answer  base
		takes   time.Duration
		status  int
		aborted bool
		body    string
	}{
		{"no answer", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, limit, 504, false, "myregistry.azurecr.io did not answer within 30s"},
		{"a slow answer", func(r *http.Request) (*http.Response, error) {
			time.Sleep(limit - time.Second)
			return respond(r, strings.NewReader("slow")), nil
		}, limit - time.Second, 200, false, "slow"},
		{"a slow body that ends nowhere", func(r *http.Request) (*http.Response, error) {
			return respond(r, &stalling{ctx: r.Context(), pieces: 30, every: limit - time.Second}), nil
		}, 30*(limit-time.Second) + limit, 200, true, strings.Repeat(piece, 30)},
		{"a slow body", func(r *http.Request) (*http.Response, error) {
			return respond(r, &stalling{ctx: r.Context(), pieces: 1000, every: time.Second, ends: true}), nil
		}, 1000 * time.Second, 200, false, strings.Repeat(piece, 1000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upstream, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken("name", upstreamPassword),
					&auth.Options{Base: tt.answer})
				if err != nil {
					t.Fatal(err)
				}
				h, err := proxy.New(upstream,
					&proxy.Options{Hosts: []string{"proxy.test"}, ClientKey: redact.NewSecret(key)})
				if err != nil {
					t.Fatal(err)
				}
				r := httptest.NewRequest("GET", "/v2/a/manifests/v1", nil)
				r.Host = "proxy.test"
				r.SetBasicAuth("u", key)
				w := httptest.NewRecorder()
				start := time.Now()
				aborted := serve(h, w, r)
				if took := time.Since(start); took != tt.takes || aborted != tt.aborted || w.Code != tt.status ||
					!strings.Contains(w.Body.String(), tt.body) {
					t.Errorf("after %s: aborted %t, %d %s", took, aborted, w.Code, w.Body)
				}
				if err := h.Close(); err != nil {
					t.Error(err)
				}
				if err := upstream.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestStalledClient: one that stops in the middle of its body loses its
// connection, and the registry is not left waiting.
func TestStalledClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		upstream, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken("name", upstreamPassword),
			&auth.Options{Base: base(func(r *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, r.Body)
				ended = true
				_ = r.Body.Close()
				return nil, err
			})})
		if err != nil {
			t.Fatal(err)
		}
		h, err := proxy.New(upstream, &proxy.Options{Hosts: []string{"proxy.test"}, ClientKey: redact.NewSecret(key)})
		if err != nil {
			t.Fatal(err)
		}
		reads, past := context.WithCancel(context.Background())
		r := httptest.NewRequest("POST", "/v2/a/blobs/uploads/?digest="+digest, &stalling{ctx: reads, pieces: 2,
			every: 10 * time.Second, text: "piece"})
		r.ContentLength = 1 << 30
		r.Host = "proxy.test"
		r.SetBasicAuth("u", key)
		start := time.Now()
		aborted := serve(h, &deadlines{ResponseWriter: httptest.NewRecorder(), past: past}, r)
		if took := time.Since(start); !aborted || !ended || took != 30*time.Second {
			t.Errorf("after %s: aborted %t, ended %t", took, aborted, ended)
		}
		_ = h.Close()
		_ = upstream.Close()
	})
}

// TestStalledReader: a client that does not read its answer loses its connection after
// five minutes, also on a server without limits of its own.
func TestStalledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken("name", upstreamPassword),
			&auth.Options{Base: base(func(r *http.Request) (*http.Response, error) {
				return respond(r, strings.NewReader(piece)), nil
			})})
		if err != nil {
			t.Fatal(err)
		}
		h, err := proxy.New(upstream, &proxy.Options{Hosts: []string{"proxy.test"}, ClientKey: redact.NewSecret(key)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/v2/a/manifests/v1", nil)
		r.Host = "proxy.test"
		r.SetBasicAuth("u", key)
		start := time.Now()
		aborted := serve(h, &unread{ResponseRecorder: httptest.NewRecorder(), past: make(chan struct{})}, r)
		if took := time.Since(start); !aborted || took != 5*time.Minute {
			t.Errorf("after %s: aborted %t", took, aborted)
		}
		_ = h.Close()
		_ = upstream.Close()
	})
}

// unread is a ResponseWriter whose client reads no body.
type unread struct {
	*httptest.ResponseRecorder
	past chan struct{}
}

func (u *unread) Write([]byte) (int, error) {
	<-u.past
	return 0, os.ErrDeadlineExceeded
}

func (u *unread) SetWriteDeadline(at time.Time) error {
	if at.Before(time.Now()) {
		close(u.past)
	}
	return nil
}

// TestStalledRequest: an unauthenticated one is not waited for either: a
// token request, a body that is refused, one that no operation takes.
func TestStalledRequest(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		every        time.Duration
		pieces       int
		status       int
		takes        time.Duration
	}{
		{"POST", "/oauth2/token", time.Second, 1, 408, 30 * time.Second},
		{"POST", "/oauth2/exchange", time.Second, 20, 408, 30 * time.Second},
		{"POST", "/v2/a/blobs/uploads/?digest=" + digest, time.Second, 1, 401, 30 * time.Second},
		{"PUT", "/v2/a/manifests/v1", time.Second, 1, 401, 30 * time.Second},
		{"POST", "/nothing", time.Second, 1, 404, 30 * time.Second},
		{"GET", "/v2/", time.Second, 1, 401, 30 * time.Second},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upstream, err := auth.NewTransport("myregistry.azurecr.io",
					auth.ScopedToken("name", upstreamPassword), nil)
				if err != nil {
					t.Fatal(err)
				}
				h, err := proxy.New(upstream,
					&proxy.Options{Hosts: []string{"proxy.test"}, ClientKey: redact.NewSecret(key)})
				if err != nil {
					t.Fatal(err)
				}
				reads, past := context.WithCancelCause(context.Background())
				r := httptest.NewRequest(tt.method, tt.path,
					&stalling{ctx: reads, pieces: tt.pieces, every: tt.every, text: "piece"})
				r.ContentLength = 1 << 10
				r.Host = "proxy.test"
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				start := time.Now()
				aborted := serve(h, &deadlines{ResponseWriter: w, past: func() { past(os.ErrDeadlineExceeded) }}, r)
				if took := time.Since(start); aborted || w.Code != tt.status || took != tt.takes {
					t.Errorf("after %s: aborted %t, %d %s", took, aborted, w.Code, w.Body)
				}
				_ = h.Close()
				_ = upstream.Close()
			})
		})
	}
}

// deadlines is a ResponseWriter whose connection ends reads at their deadline.
type deadlines struct {
	http.ResponseWriter
	past  func()
	timer *time.Timer
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	if d.timer != nil {
		d.timer.Stop()
	}
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), d.past)
	}
	return nil
}
