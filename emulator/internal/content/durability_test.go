package content_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/blob/faultfs"
	"github.com/acrkit/acrkit/emulator/internal/content"
)

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	f := open(t, setup{dir: dir})
	d := f.image("a/b", "v1", "layer")
	key := bytes.Clone(f.UploadKey())
	f.close()
	f = open(t, setup{dir: dir})
	c := get(f.ManifestContent(t.Context(), f.reg, "a/b", "v1"))
	if c.Digest != d || digestOf(c.Body) != d {
		t.Errorf("manifest %s with body of %s, want %s", c.Digest, digestOf(c.Body), d)
	}
	must(t, first(f.OpenBlob(t.Context(), f.reg, "a/b", digestOf([]byte("layer")))))
	if !bytes.Equal(key, f.UploadKey()) {
		t.Error("the key of upload addresses changed")
	}
}

// TestFull fills the disk and the database: an error that says so, nothing
// half-made, and the store works again when there is space.
func TestFull(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
			for _, op := range []faultfs.Op{faultfs.Open, faultfs.Write, faultfs.Sync, faultfs.Rename, faultfs.SyncDir,
				faultfs.Truncate} {
				fs := faultfs.New()
				f := open(t, setup{dir: t.TempDir(), fs: fs})
				ctx := t.Context()
				kept := f.blob("r", "kept")
				id := get(f.StartUpload(ctx, f.reg, "r"))
				must(t, first(f.AppendUpload(ctx, id, 0, strings.NewReader("first "))))
				fs.Fail(func(o faultfs.Op, path string) error {
					if o == op && !strings.HasSuffix(path, kept[10:]) || op == faultfs.Truncate && o == faultfs.Write {
						return cause
					}
					return nil
				})
				err := f.PutBlob(ctx, f.reg, "r", digestOf([]byte("lost")), strings.NewReader("lost"))
				if !errors.Is(err, cause) || content.IsFull(err) != (cause == syscall.ENOSPC) {
					t.Errorf("%s: %v", op, err)
				}
				f.wantKind(first(f.Blob(ctx, f.reg, "r", digestOf([]byte("lost")))), content.BlobUnknown)
				size, appendErr := f.AppendUpload(ctx, id, 6, strings.NewReader("second"))
				must(t, first(f.OpenBlob(ctx, f.reg, "r", kept)))
				fs.Fail(nil)
				if appendErr != nil { // the client sends its chunk again
					if size != 6 {
						t.Errorf("%s: %d bytes are reported as stored, want 6", op, size)
					}
					must(t, first(f.AppendUpload(ctx, id, 6, strings.NewReader("second"))))
				}
				must(t, f.FinishUpload(ctx, f.reg, "r", id, digestOf([]byte("first second")), -1, nil))
				must(t, f.PutBlob(ctx, f.reg, "r", digestOf([]byte("lost")), strings.NewReader("lost")))
				f.close()
			}
		}
	})
	t.Run("database", func(t *testing.T) {
		f := open(t, setup{dir: t.TempDir(), pages: 60})
		ctx := t.Context()
		d := f.image("r", "v1", "layer")
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			body := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"n":"%d%s"}}`, i,
				strings.Repeat("x", 5000))
			_, _, err = f.PutManifest(ctx, f.reg, "r", fmt.Sprint("big", i), indexType, []byte(body))
		}
		if !content.IsFull(err) {
			t.Fatalf("error %v, want a full database", err)
		}
		must(t, first(f.ManifestContent(ctx, f.reg, "r", "v1")))
		must(t, f.DeleteManifest(ctx, f.reg, "r", get(f.Tag(ctx, f.reg, "r", "big0")).Digest))
		must(t, first(f.UpdateTag(ctx, f.reg, "r", "v1", content.LockChange{})))
		if got := get(f.Tag(ctx, f.reg, "r", "v1")); got.Digest != d {
			t.Errorf("tag %+v", got)
		}
	})
}

// TestCrash cuts the power before each operation on files while blobs and a
// manifest are pushed: what the database names is there and whole.
func TestCrash(t *testing.T) {
	texts := []string{`{"architecture":"amd64"}`, strings.Repeat("layer", 1000)}
	for step := 1; ; step++ {
		dir, fs := t.TempDir(), faultfs.New()
		f := open(t, setup{dir: dir, fs: fs})
		n := 0
		fs.Fail(func(faultfs.Op, string) error {
			if n++; n >= step {
				return faultfs.ErrCrashed
			}
			return nil
		})
		acknowledged := map[string]bool{}
		for _, text := range texts {
			d := digestOf([]byte(text))
			acknowledged[d] = f.PutBlob(t.Context(), f.reg, "r", d, strings.NewReader(text)) == nil
		}
		_, _, putErr := f.PutManifest(t.Context(), f.reg, "r", "v1", manifestType,
			[]byte(imageJSON(texts[0], texts[1])))
		must(t, fs.Crash())
		f.close()
		f = open(t, setup{dir: dir})
		for _, text := range texts {
			d := digestOf([]byte(text))
			r, err := f.OpenBlob(t.Context(), f.reg, "r", d)
			if content.KindOf(err) == content.BlobUnknown {
				if acknowledged[d] {
					t.Errorf("crash at %d: an acknowledged blob is unknown", step)
				}
				continue
			}
			must(t, err)
			if got, _ := io.ReadAll(r.Reader()); string(got) != text {
				t.Errorf("crash at %d: a blob is damaged", step)
			}
			r.Close()
		}
		if _, err := f.ManifestContent(t.Context(), f.reg, "r", "v1"); (err == nil) != (putErr == nil) {
			t.Errorf("crash at %d: put said %v, get says %v", step, putErr, err)
		}
		f.close()
		if n < step {
			break
		}
	}
}

// TestPutAgainstDelete races manifests with the deletion of what they name: a
// manifest that was taken while its layer was there, or refused.
func TestPutAgainstDelete(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	f.blob("r", "{}")
	for i := range 50 {
		layer := fmt.Sprint("layer ", i)
		d := f.blob("r", layer)
		var all sync.WaitGroup
		var put, after error
		all.Go(func() {
			_, _, put = f.PutManifest(ctx, f.reg, "r", fmt.Sprint("t", i), manifestType, []byte(imageJSON("{}", layer)))
		})
		all.Go(func() {
			if err := f.DeleteBlob(ctx, f.reg, "r", d); err != nil {
				t.Error(err)
			}
			_, _, after = f.PutManifest(ctx, f.reg, "r", "late", manifestType, []byte(imageJSON("{}", layer)))
		})
		all.Wait()
		f.wantKind(after, content.ManifestBlobUnknown)
		if _, err := f.Tag(ctx, f.reg, "r", fmt.Sprint("t", i)); (err == nil) != (put == nil) {
			t.Errorf("put said %v, the tag says %v", put, err)
		}
	}
}
