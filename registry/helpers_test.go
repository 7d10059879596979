package registry

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// fakeServer answers without a network, so that tests of waiting can run in a
// synctest bubble.
type fakeServer struct {
	handler http.HandlerFunc
	mu      sync.Mutex
	seen    []string
}

func (s *fakeServer) RoundTrip(req *http.Request) (*http.Response, error) {
	line := req.Method + " " + req.URL.EscapedPath()
	if req.URL.RawQuery != "" {
		line += "?" + req.URL.RawQuery
	}
	s.mu.Lock()
	s.seen = append(s.seen, line)
	s.mu.Unlock()
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { defer close(done); s.handler(w, req) }()
	select {
	case <-done:
		resp := w.Result()
		resp.Request = req
		return resp, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func newFake(t *testing.T, handler http.HandlerFunc) (*Client, *fakeServer) {
	t.Helper()
	s := &fakeServer{handler: handler}
	c, err := New("myregistry", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// catalog serves names in pages, as ACR does. link false leaves out every Link.
func catalog(names []string, link bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscan(r.URL.Query().Get("n"), &n)
		last := r.URL.Query().Get("last")
		start := 0
		for start < len(names) && last != "" && names[start] <= last {
			start++
		}
		end := min(start+n, len(names))
		if link && end < len(names) {
			w.Header().Set("Link", fmt.Sprintf(`</acr/v1/_catalog?last=%s&n=%d&orderby=>; rel="next"`,
				url.QueryEscape(names[end-1]), n))
		}
		fmt.Fprint(w, `{"repositories":[`)
		for i, name := range names[start:end] {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, "%q", name)
		}
		fmt.Fprintln(w, `]}`)
	}
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("team/app-%05d", i)
	}
	return names
}

func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for item, err := range seq {
		if err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}

func answerJSON(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ms-Correlation-Request-Id", "6f1c0000-0000-0000-0000-000000000000")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

var background = context.Background()
