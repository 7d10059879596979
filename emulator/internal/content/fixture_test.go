package content_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// fixture is a store with one registry and a clock that ticks a second for each
// transaction.
type fixture struct {
	*content.Store
	t     *testing.T
	db    *db.DB
	blobs blob.Store
	reg   int64
	close func()
}

func newFixture(t *testing.T, s contenttest.Setup) *fixture {
	t.Helper()
	o := contenttest.Open(t, s)
	return &fixture{o.Store, t, o.DB, o.Blobs, o.Registry, o.Close}
}

type setup struct {
	dir   string // "" = in memory
	fs    blob.FS
	pages int
}

func open(t *testing.T, s setup) *fixture {
	t.Helper()
	clock := contenttest.Ticking(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Second)
	return newFixture(t, contenttest.Setup{Dir: s.dir, FS: s.fs, Pages: s.pages, Now: clock})
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (f *fixture) blob(repo, text string) string {
	f.t.Helper()
	d := digestOf([]byte(text))
	if err := f.PutBlob(f.t.Context(), f.reg, repo, d, strings.NewReader(text)); err != nil {
		f.t.Fatal(err)
	}
	return d
}

// image pushes an image with one layer and returns its digest.
func (f *fixture) image(repo, tag, layer string, extra ...string) string {
	f.t.Helper()
	config := `{"architecture":"amd64","os":"linux","for":"` + layer + `"}`
	f.blob(repo, config)
	f.blob(repo, layer)
	return f.put(repo, tag, manifestType, imageJSON(config, layer, extra...))
}

func imageJSON(config, layer string, extra ...string) string {
	return fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]%s}`,
		manifestType, configType, digestOf([]byte(config)), len(config), layerType, digestOf([]byte(layer)), len(layer),
		strings.Join(extra, ""))
}

func (f *fixture) put(repo, reference, mediaType, body string) string {
	f.t.Helper()
	if reference == "" {
		reference = digestOf([]byte(body))
	}
	d, _, err := f.PutManifest(f.t.Context(), f.reg, repo, reference, mediaType, []byte(body))
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

func (f *fixture) wantKind(err error, want content.Kind) {
	f.t.Helper()
	if content.KindOf(err) != want {
		f.t.Errorf("error %v, want %q", err, want)
	}
}

func first[T any](_ T, err error) error { return err }

func second[T, U any](_ T, _ U, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get returns a value; where there is an error instead, it panics.
func get[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var all = content.Page{N: content.MaxPage}

func names[T any](name func(T) string) func([]T, bool, error) string {
	return func(items []T, more bool, err error) string {
		var out []string
		for _, i := range items {
			out = append(out, name(i))
		}
		s := strings.Join(out, " ")
		if more {
			s += " …"
		}
		if err != nil {
			s += " " + err.Error()
		}
		return s
	}
}
