package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/route"
)

// BenchmarkGetBlob measures GET of a blob on disk over a connection: the first
// one of a process, which checks the digest while it sends, and later ones.
func BenchmarkGetBlob(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 100 << 20} {
		body := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
		digest := digestOf(string(body))
		for _, first := range []bool{true, false} {
			b.Run(fmt.Sprintf("%dKiB/first=%v", size>>10, first), func(b *testing.B) {
				opened := contenttest.Open(b, contenttest.Setup{Dir: b.TempDir()})
				put := func() {
					if err := opened.Store.PutBlob(b.Context(), opened.Registry, "r", digest,
						bytes.NewReader(body)); err != nil {
						b.Fatal(err)
					}
				}
				put()
				h := dataplane.New(dataplane.Config{Store: opened.Store,
					Authorize: func(*http.Request, dataplane.Endpoint, acrkit.Scope) (dataplane.Verdict, error) {
						return dataplane.Verdict{Allow: true}, nil
					}})
				ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.Serve(w, r, route.Of(r),
						dataplane.Endpoint{ID: opened.Registry, LoginServer: "r", Scheme: "http"})
				}))
				defer ts.Close()
				get := func() {
					resp, err := http.Get(ts.URL + "/v2/r/blobs/" + digest)
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.Copy(io.Discard, resp.Body)
					if err != nil || n != int64(size) {
						b.Fatal(n, err)
					}
					resp.Body.Close()
				}
				get()
				b.SetBytes(int64(size))
				for b.Loop() {
					if first {
						b.StopTimer()
						put() // a file that was not read yet
						b.StartTimer()
					}
					get()
				}
			})
		}
	}
}
