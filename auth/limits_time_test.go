package auth

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
)

// A helper has ten seconds, even if its caller has more time.
func TestHelperTime_limit(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-slow"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for took, want := range map[time.Duration]acrkit.Code{10*time.Second - 1: "", time.Hour: acrkit.CodeUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := askHelper(t.Context(), "slow", "myregistry.azurecr.io",
				func(ctx context.Context, _, _ string, out io.Writer) error {
					select {
					case <-time.After(took):
						_, err := io.WriteString(out, `{"Username":"ci","Secret":"made-up-password"}`)
						return err
					case <-ctx.Done():
						return ctx.Err()
					}
				})
			if after := time.Since(start); acrkit.CodeOf(err) != want || after != min(took, 10*time.Second) {
				t.Errorf("a helper that takes %s: %v after %s", took, err, after)
			}
		})
	}
}

// A file that is missing is looked at ten times, 20 ms apart, before the last
// secret is used again.
func TestSecretFile_settles(t *testing.T) {
	for back, want := range map[time.Duration]string{
		180*time.Millisecond - 1: "second", 180*time.Millisecond + 1: "first"} {
		synctest.Test(t, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "secret")
			put := func(text string) {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Error(err)
				}
			}
			s, rt := newFileSource(name), &Transport{log: slog.New(slog.DiscardHandler)}
			put("first")
			if _, err := s.read(t.Context(), rt); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			time.AfterFunc(back, func() { put("second") })
			got, err := s.read(t.Context(), rt)
			if took := time.Since(start); err != nil || got.Reveal() != want || took != 180*time.Millisecond {
				t.Errorf("back after %s: %q after %s, %v", back, got.Reveal(), took, err)
			}
			time.Sleep(time.Second) // for the writer's end
		})
	}
}

// countedBody counts what is read of it.
type countedBody struct {
	io.Reader
	read   int
	closed bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (b *countedBody) Close() error { b.closed = true; return nil }

// A refusal of up to 16 KiB is read, which keeps its connection. Of a longer one
// nothing is read where its length is known, and one byte more where it is not.
func TestRefusalIsReadOut(t *testing.T) {
	const most = 16 << 10
	for _, c := range []struct {
		size  int
		known bool
		want  int
	}{{most, true, most}, {most + 1, true, 0}, {most, false, most}, {1 << 20, false, most + 1}} {
		synctest.Test(t, func(t *testing.T) { // where no reading is cut by drainTime
			body := &countedBody{Reader: strings.NewReader(strings.Repeat("a", c.size))}
			tries := 0
			rt, err := NewTransport("myregistry", ScopedToken("ci", "made-up-password"), &Options{
				Base: rtFunc(func(req *http.Request) (*http.Response, error) {
					if req.URL.Path == "/oauth2/token" {
						return answering(`{"access_token":"x"}`).RoundTrip(req)
					}
					if tries++; tries > 1 {
						return answering("").RoundTrip(req)
					}
					resp := &http.Response{StatusCode: 401, Header: http.Header{}, Body: body,
						ContentLength: -1, Request: req}
					if c.known {
						resp.ContentLength = int64(c.size)
					}
					return resp, nil
				})})
			if err != nil {
				t.Fatal(err)
			}
			const path = "https://myregistry.azurecr.io/v2/a/manifests/b"
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			_ = rt.Close()
			if tries != 2 || body.read != c.want || !body.closed {
				t.Errorf("a refusal of %d bytes, length known %v: %d bytes read, closed %v, %d tries", c.size, c.known,
					body.read,
					body.closed, tries)
			}
		})
	}
}
