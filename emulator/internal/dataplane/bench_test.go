package dataplane_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/route"
)

// BenchmarkServe measures the handler alone, on disk, with 10,000 tags.
func BenchmarkServe(b *testing.B) {
	ctx := b.Context()
	opened := contenttest.Open(b, contenttest.Setup{Dir: b.TempDir()})
	store, id := opened.Store, opened.Registry
	const body = `{"schemaVersion":2,"manifests":[]}`
	for i := range 10_000 {
		if _, _, err := store.PutManifest(ctx, id, "r", fmt.Sprintf("t%05d", i), indexType, []byte(body)); err != nil {
			b.Fatal(err)
		}
	}
	h := dataplane.New(dataplane.Config{Store: store, Authorize: func(*http.Request, dataplane.Endpoint,
		acrkit.Scope) (dataplane.Verdict, error) {
		return dataplane.Verdict{Allow: true}, nil
	}})
	for name, path := range map[string]string{
		"manifest by digest": "/v2/r/manifests/" + digestOf(body),
		"manifest by tag":    "/v2/r/manifests/t05000",
		"tag names":          "/v2/r/tags/list?n=1000&last=t05000",
		"tags":               "/acr/v1/r/_tags?n=1000&last=t05000",
		"tags by time":       "/acr/v1/r/_tags?n=1000&orderby=timedesc&last=t05000",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", path, nil)
				h.Serve(w, r, route.Of(r), dataplane.Endpoint{ID: id, LoginServer: "r", Scheme: "http"})
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
