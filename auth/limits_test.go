package auth

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// answering answers every request with one body.
type answering string

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a))),
		ContentLength: -1, Request: req}, nil
}

// Each limit lets through as much as it says, and not one byte more.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	file := func(content string) string {
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	token := func(body string) error {
		rt, err := NewTransport("myregistry", ScopedToken("ci", "made-up-password"), &Options{Base: answering(body)})
		if err != nil {
			return err
		}
		defer rt.Close()
		_, err = rt.Token(t.Context(), acrkit.CatalogScope())
		return err
	}
	for _, tc := range []struct {
		name  string
		limit int64
		read  func(content string) error // reads content of the length of the limit, and one more
		head  string
		tail  string
		want  acrkit.Code
	}{
		{"the answer of a token endpoint", tokenAnswer.Bytes, token, `{"access_token":"x","pad":"`, `"}`,
			acrkit.CodeTooLarge},
		{"a token", wire.MaxToken, func(s string) error {
			return token(`{"access_token":"` + s + `"}`)
		}, "", "", acrkit.CodeProtocol},
		{"a refresh token that is given", wire.MaxToken, func(s string) error {
			rt, err := NewTransport("myregistry", RefreshToken(s), nil)
			if err == nil {
				_ = rt.Close()
			}
			return err
		}, "", "", acrkit.CodeTooLarge},
		{"an assertion", wire.MaxToken, func(s string) error {
			rt, err := NewTransport("myregistry", FederatedServicePrincipal("t", "c", fixed(s), nil),
				&Options{Base: answering(`{"access_token":"x","refresh_token":"x"}`)})
			if err != nil {
				return err
			}
			defer rt.Close()
			_, err = rt.Token(t.Context(), acrkit.CatalogScope())
			return err
		}, "", "", acrkit.CodeTooLarge},
		{"a file with a secret", secretFile.Bytes, func(s string) error {
			_, err := newFileSource(file(s)).read(t.Context(), nil)
			return err
		}, "", "", acrkit.CodeUsage}, // as every file that holds something else
		{"a configuration file of Docker", dockerFile.Bytes, func(s string) error {
			_, err := loginSource{file: file(s)}.read(reg)
			return err
		}, `{"auths":{},"pad":"`, `"}`, acrkit.CodeTooLarge},
		{"DOCKER_AUTH_CONFIG", dockerFile.Bytes, func(s string) error {
			_, err := loginSource{variable: "DOCKER_AUTH_CONFIG", text: func() string { return s }}.read(reg)
			return err
		}, `{"auths":{},"pad":"`, `"}`, acrkit.CodeTooLarge},
		{"the output of a helper", helperOutput.Bytes, func(s string) error {
			ended := false
			b := &boundedBuffer{most: helperOutput, passed: func() { ended = true }}
			_, err := io.Copy(b, strings.NewReader(s))
			if b.full != (err != nil) || ended != b.full {
				t.Errorf("full %v, ended %v, %v", b.full, ended, err)
			}
			return err
		}, "", "", acrkit.CodeTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			content := func(n int64) string {
				return tc.head + strings.Repeat("a", int(n)-len(tc.head)-len(tc.tail)) + tc.tail
			}
			if err := tc.read(content(tc.limit)); err != nil {
				t.Errorf("%d bytes: %v", tc.limit, err)
			}
			if err := tc.read(content(tc.limit + 1)); !errors.Is(err, tc.want) {
				t.Errorf("%d bytes: %.200v, want %s", tc.limit+1, err, tc.want)
			}
		})
	}
}

// net/http counts a few bytes of its own, hence not one byte exactly.
func TestLimits_header(t *testing.T) {
	const maxResponseHeader = 2 * wire.MaxChallenge
	for size, ok := range map[int]bool{maxResponseHeader - 8<<10: true, maxResponseHeader + 8<<10: false} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth2/token" {
				_, _ = io.WriteString(w, `{"access_token":"x"}`)
				return
			}
			w.Header().Set("X-Filler", strings.Repeat("a", size))
		}))
		rt, err := NewTransport(srv.Listener.Addr().String(), ScopedToken("ci", "made-up-password"),
			&Options{PlainHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v2/a/manifests/b", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != ok {
			t.Errorf("a header of %d bytes, at most %d are read: %v", size, maxResponseHeader, err)
		}
		_ = rt.Close()
		srv.Close()
	}
}
