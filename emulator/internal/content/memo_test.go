package content_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/content"
)

// TestReadAfterWrite: every look-up after an acknowledged write sees it, however
// often it was looked up before.
func TestReadAfterWrite(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		f := open(t, setup{dir: dir})
		ctx := t.Context()
		const writers, steps = 3, 18
		var wait sync.WaitGroup
		stop := make(chan struct{})
		for range 4 { // they look up all the time, so that there is always something remembered
			wait.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					c, err := f.ManifestContent(ctx, f.reg, fmt.Sprintf("r%d", i%writers), "t")
					switch content.KindOf(err) {
					case content.TagUnknown, content.Locked:
					default:
						if err != nil || digestOf(c.Body) != c.Digest {
							t.Errorf("look up: %v, digest %s", err, c.Digest)
							return
						}
					}
				}
			})
		}
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				repo := fmt.Sprintf("r%d", w)
				kind := func(reference string, want content.Kind) {
					t.Helper()
					if _, err := f.ManifestContent(ctx, f.reg, repo, reference); content.KindOf(err) != want {
						t.Errorf("%s: %v, want %q", reference, err, want)
					}
				}
				for i := range steps {
					body := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"n":"%d"}}`, i)
					digest, _, err := f.PutManifest(ctx, f.reg, repo, "t",
						"application/vnd.oci.image.index.v1+json", []byte(body))
					if err != nil {
						t.Error(err)
						return
					}
					for range 2 {
						if c, err := f.ManifestContent(ctx, f.reg, repo, "t"); err != nil || string(c.Body) != body {
							t.Errorf("after the put: %v, %s, want %s", err, c.Body, body)
						}
						kind(digest, "")
					}
					lock := func(l content.Locks) {
						var err error
						change := content.LockChange{Mask: content.NoRead, Set: l}
						switch i % 3 {
						case 0:
							_, err = f.UpdateTag(ctx, f.reg, repo, "t", change)
						case 1:
							_, err = f.UpdateManifest(ctx, f.reg, repo, digest, change)
						case 2:
							_, err = f.UpdateRepository(ctx, f.reg, repo, change)
						}
						if err != nil {
							t.Error(err)
						}
					}
					lock(content.NoRead)
					kind("t", content.Locked)
					if i%3 == 0 { // the lock is the tag's alone
						kind(digest, "")
					} else {
						kind(digest, content.Locked)
					}
					lock(0)
					kind("t", "")
					kind(digest, "")
					switch i % 3 {
					case 0:
						_, err = f.DeleteTag(ctx, f.reg, repo, "t")
					case 1:
						err = f.DeleteManifest(ctx, f.reg, repo, digest)
					case 2:
						_, _, err = f.DeleteRepository(ctx, f.reg, repo)
					}
					if err != nil {
						t.Error(err)
					}
					kind("t", content.TagUnknown)
					if i%3 != 0 {
						kind(digest, content.ManifestUnknown)
					}
				}
			})
		}
		writing.Wait()
		close(stop)
		wait.Wait()
	}
}

// TestBlobAfterWrite is the same for blobs.
func TestBlobAfterWrite(t *testing.T) {
	f := open(t, setup{dir: t.TempDir()})
	ctx := t.Context()
	digest := digestOf([]byte("content"))
	for range 3 {
		if _, err := f.Blob(ctx, f.reg, "r", digest); content.KindOf(err) != content.BlobUnknown {
			t.Fatalf("before the push: %v", err)
		}
		if err := f.PutBlob(ctx, f.reg, "r", digest, strings.NewReader("content")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if n, err := f.Blob(ctx, f.reg, "r", digest); err != nil || n != 7 {
				t.Fatalf("after it: %d, %v", n, err)
			}
			if _, err := f.Blob(ctx, f.reg, "other", digest); content.KindOf(err) != content.BlobUnknown {
				t.Fatalf("in another repository: %v", err)
			}
			if _, err := f.Blob(ctx, f.reg+1, "r", digest); content.KindOf(err) != content.BlobUnknown {
				t.Fatalf("in another registry: %v", err)
			}
		}
		if err := f.DeleteBlob(ctx, f.reg, "r", digest); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNotRemembered: content too large to be remembered can be read.
func TestNotRemembered(t *testing.T) {
	f := open(t, setup{})
	body := `{"schemaVersion":2,"manifests":[],"annotations":{"n":"` + strings.Repeat("x", 100<<10) + `"}}`
	if _, _, err := f.PutManifest(t.Context(), f.reg, "r", "t", "application/vnd.oci.image.index.v1+json",
		[]byte(body)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := f.ManifestContent(t.Context(), f.reg, "r", "t")
		if err != nil || string(c.Body) != body {
			t.Errorf("%d bytes, %v", len(c.Body), err)
		}
	}
}
