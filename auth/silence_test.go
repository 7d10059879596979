package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// quiet is a registry that stops answering at a chosen point.
type quiet struct {
	path   string // that is not answered; all others are, each after a while
	body   string // whose body does not end, after a byte each second
	slowly string // whose body comes with a KiB a second, for twenty minutes
	each   time.Duration
}

func (q quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	ctx := r.Context()
	select {
	case <-time.After(q.each):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch r.URL.Path {
	case q.path:
		<-ctx.Done()
		return nil, ctx.Err()
	case q.body:
		return &http.Response{StatusCode: http.StatusOK,
			Body: io.NopCloser(&dripping{ctx, "x", 1 << 30}), Request: r}, nil
	case q.slowly:
		return &http.Response{StatusCode: http.StatusOK,
			Body: io.NopCloser(&dripping{ctx, strings.Repeat("x", 1<<10), 1200}), Request: r}, nil
	}
	w := httptest.NewRecorder()
	switch {
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"), r.URL.Path == "/oauth2/token":
		fmt.Fprint(w, `{"access_token":"made-up"}`)
	case r.URL.Path == "/oauth2/exchange":
		fmt.Fprint(w, `{"refresh_token":"made-up"}`)
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// dripping is a body that comes in pieces, one a second.
type dripping struct {
	ctx    context.Context
	piece  string
	pieces int
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.pieces == 0 {
		return 0, io.EOF
	}
	d.pieces--
	select {
	case <-time.After(time.Second):
		return copy(p, d.piece), nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

// At every point where a registry stops answering, the request ends, says where, and is one that
// may be tried again; what moves is not ended.
func TestSilence(t *testing.T) {
	const storage = "https://storage.example/blob"
	for _, tt := range []struct {
		name   string
		quiet  quiet
		method string
		url    string
		entra  bool
		after  time.Duration
		text   string // "" = the request succeeds
	}{
		{"token_service", quiet{path: "/oauth2/token"}, "GET", "/v2/a/manifests/v1", false, 30 * time.Second,
			testHost + " did not answer within 30s"},
		{"token_service_drips", quiet{body: "/oauth2/token"}, "GET", "/v2/a/manifests/v1", false, 30 * time.Second,
			testHost + " sent less than 1024 bytes of its answer in 30s"},
		{"exchange", quiet{path: "/oauth2/exchange"}, "GET", "/v2/a/manifests/v1", true, 30 * time.Second,
			testHost + " did not answer within 30s"},
		{"entra", quiet{path: "/tenant/oauth2/v2.0/token"}, "GET", "/v2/a/manifests/v1", true, 30 * time.Second,
			"login.microsoftonline.com did not answer within 30s"},
		{"request", quiet{path: "/v2/a/manifests/v1"}, "GET", "/v2/a/manifests/v1", false, 30 * time.Second,
			testHost + " did not answer within 30s"},
		{"end_of_an_upload", quiet{path: "/v2/a/blobs/uploads/1"}, "PUT", "/v2/a/blobs/uploads/1", false,
			5 * time.Minute, testHost + " did not answer within 5m0s"},
		{"storage", quiet{path: "/blob"}, "GET", storage, false, 30 * time.Second,
			"storage.example did not answer within 30s"},
		{"body", quiet{body: "/v2/a/blobs/b"}, "GET", "/v2/a/blobs/b", false, 30 * time.Second, testHost +
			" sent less than 1024 bytes of its answer in 30s"},
		{"body_of_storage", quiet{body: "/blob"}, "GET", storage, false, 30 * time.Second,
			"storage.example sent less than 1024 bytes of its answer in 30s"},
		{"slow_body", quiet{slowly: "/v2/a/blobs/b"}, "GET", "/v2/a/blobs/b", false, 20 * time.Minute, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := auth.ScopedToken("ci", "made-up-password")
				if tt.entra {
					cred = auth.ServicePrincipal("tenant", "client", "made-up-secret", nil)
				}
				rt, err := auth.NewTransport(testHost, cred, &auth.Options{Base: tt.quiet})
				if err != nil {
					t.Fatal(err)
				}
				defer rt.Close()
				target := tt.url
				if !strings.HasPrefix(target, "https:") {
					target = "https://" + testHost + target
				}
				req, err := http.NewRequestWithContext(t.Context(), tt.method, target, nil)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				resp, err := rt.RoundTrip(req)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %s, want %s", took, tt.after)
				}
				if tt.text == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tt.text) {
					t.Fatalf("the error is %v, want %s", err, tt.text)
				}
				if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Code != acrkit.CodeUnavailable {
					t.Errorf("the code is %s", e.Code)
				}
				if _, ours := errors.AsType[*acrkit.Error](err); !ours {
					if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
						t.Errorf("%v is no timeout", err)
					}
				}
			})
		})
	}
}

// A token has 45 seconds with everything that it needs, wherever they go; a function
// of the caller's has 30 of them.
func TestSilence_fetch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cred  auth.Credential
		base  http.RoundTripper
		after time.Duration
		ok    bool
	}{
		{"function", auth.ScopedTokenSource("ci", auth.SecretFunc(func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})), quiet{}, 30 * time.Second, false},
		{"function_of_both", auth.ScopedTokenFunc(func(ctx context.Context) (string, string, error) {
			<-ctx.Done()
			return "", "", ctx.Err()
		}), quiet{}, 30 * time.Second, false},
		{"three_requests", auth.ServicePrincipal("tenant", "client", "made-up-secret", nil),
			quiet{each: 16 * time.Second}, 45 * time.Second, false},
		{"one_request", auth.RefreshToken("made-up"), quiet{each: 29 * time.Second}, 29 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt, err := auth.NewTransport(testHost, tt.cred, &auth.Options{Base: tt.base})
				if err != nil {
					t.Fatal(err)
				}
				defer rt.Close()
				start := time.Now()
				_, err = rt.Token(t.Context(), acrkit.CatalogScope())
				if took := time.Since(start); took != tt.after || (err == nil) != tt.ok || err != nil &&
					acrkit.CodeOf(err) != acrkit.CodeUnavailable {
					t.Errorf("%v after %s", err, took)
				}
				if strings.Contains(tt.name, "function") &&
					!strings.Contains(err.Error(), "the function has not returned within 30s") {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// What is left of a refusal that is given up is not waited for.
func TestSilence_refusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := false
		base := base(func(r *http.Request) (*http.Response, error) {
			if refused || r.URL.Path == "/oauth2/token" {
				return quiet{}.RoundTrip(r)
			}
			refused = true
			header := http.Header{"Www-Authenticate": {`Bearer realm="https://` + testHost +
				`/oauth2/token",service="` + testHost + `",scope="repository:a:push"`}}
			return &http.Response{StatusCode: http.StatusUnauthorized, Header: header, ContentLength: -1,
				Body: io.NopCloser(&dripping{r.Context(), "x", 1 << 30}), Request: r}, nil
		})
		rt, err := auth.NewTransport(testHost, auth.ScopedToken("ci", "made-up-password"), &auth.Options{Base: base})
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			"https://"+testHost+"/v2/a/manifests/v1", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if took := time.Since(start); took != 250*time.Millisecond || resp.StatusCode != http.StatusOK {
			t.Errorf("%s after %s", resp.Status, took)
		}
		synctest.Wait()
	})
}

type base func(*http.Request) (*http.Response, error)

func (b base) RoundTrip(r *http.Request) (*http.Response, error) { return b(r) }
