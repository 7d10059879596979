package content_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/blob/faultfs"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

func bytesOf(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(b)
	return b
}

// read reads a blob as GET does, and returns how much came.
func (f *fixture) read(repo, digest string) (int64, error) {
	b, err := f.OpenBlob(f.t.Context(), f.reg, repo, digest)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	return io.Copy(io.Discard, b.Reader())
}

// TestRot damages the file of a blob in each way. No reading of it ends well or
// yields its last byte, in the process that wrote it and in the next one; what
// was found is remembered; and a push of the same bytes heals it.
func TestRot(t *testing.T) {
	for _, size := range []int{1, 32 << 10, 32<<10 + 1, 200_000} {
		body := bytesOf(size)
		digest := digestOf(body)
		for what, damage := range map[string]func(path string) error{
			"first bit":  func(path string) error { contenttest.Flip(t, path, 0); return nil },
			"last bit":   func(path string) error { contenttest.Flip(t, path, -1); return nil },
			"truncated":  func(path string) error { return os.Truncate(path, int64(size-1)) },
			"longer":     func(path string) error { return os.Truncate(path, int64(size+1)) },
			"empty":      func(path string) error { return os.Truncate(path, 0) },
			"is missing": os.Remove,
		} {
			for _, how := range []struct{ restarted, mount bool }{{false, false}, {true, false}, {false, true},
				{true, true}} {
				restarted := how.restarted
				t.Run(fmt.Sprintf("%d/%s/%+v", size, what, how), func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					f := open(t, setup{dir: dir})
					ctx := t.Context()
					push := func(repo string) {
						t.Helper()
						must(t, f.PutBlob(ctx, f.reg, repo, digest, bytes.NewReader(body)))
					}
					push("r")
					must(t, first(f.read("r", digest)))
					must(t, damage(contenttest.File(dir, digest)))
					if restarted {
						f.close()
						f = open(t, setup{dir: dir})
					}
					if !strings.HasSuffix(what, "bit") { // no reading is needed to see it
						f.wantKind(first(f.Blob(ctx, f.reg, "r", digest)), content.Damaged)
						f.wantKind(first(f.OpenBlob(ctx, f.reg, "r", digest)), content.Damaged)
					}
					// Who meets it first: a mount, or a reading.
					mount := func() {
						t.Helper()
						if mounted, err := f.Mount(ctx, f.reg, "r", "other", digest); mounted ||
							content.KindOf(err) != content.Damaged {
							t.Errorf("mounted: %v, %v", mounted, err)
						}
					}
					if how.mount {
						mount()
					} else {
						defer mount()
						defer func() { must(t, damage(contenttest.File(dir, digest))) }()
					}
					for range 2 {
						n, err := f.read("r", digest)
						f.wantKind(err, content.Damaged)
						if n >= int64(size) {
							t.Errorf("%d bytes of %d were read", n, size)
						}
						// What was found is known to all who ask.
						f.wantKind(first(f.Blob(ctx, f.reg, "r", digest)), content.Damaged)
						f.wantKind(first(f.OpenBlob(ctx, f.reg, "r", digest)), content.Damaged)
					}
					config := `{}`
					f.blob("r", config)
					_, _, err := f.PutManifest(ctx, f.reg, "r", "t", manifestType,
						[]byte(imageJSON(config, string(body))))
					f.wantKind(err, content.ManifestBlobUnknown)

					push("r")
					if n := get(f.Blob(ctx, f.reg, "r", digest)); n != int64(size) {
						t.Errorf("size %d after the push", n)
					}
					if n, err := f.read("r", digest); n != int64(size) || err != nil {
						t.Errorf("read after the push: %d, %v", n, err)
					}
					if mounted, err := f.Mount(ctx, f.reg, "r", "other", digest); !mounted || err != nil {
						t.Errorf("mount after the push: %v, %v", mounted, err)
					}
					f.put("r", "t", manifestType, imageJSON(config, string(body)))
				})
			}
		}
	}
}

// TestRotOfOneHealsAll: a push to one repository heals the content for all that
// hold it.
func TestRotOfOneHealsAll(t *testing.T) {
	dir := t.TempDir()
	f := open(t, setup{dir: dir})
	d := f.blob("a", "text")
	f.blob("b", "text")
	contenttest.Flip(t, contenttest.File(dir, d), 0)
	f.wantKind(first(f.read("a", d)), content.Damaged)
	f.wantKind(first(f.Blob(t.Context(), f.reg, "b", d)), content.Damaged)
	f.blob("b", "text")
	must(t, first(f.read("a", d)))
}

// TestVerifiedOnce: content is read whole once for all requests at the same time,
// and again where its file was changed or replaced.
func TestVerifiedOnce(t *testing.T) {
	dir, fs := t.TempDir(), faultfs.New()
	f := open(t, setup{dir: dir, fs: fs})
	ctx := t.Context()
	body := bytesOf(1 << 20)
	d := digestOf(body)
	must(t, f.PutBlob(ctx, f.reg, "r", d, bytes.NewReader(body)))
	var reads atomic.Int64
	fs.Fail(func(op faultfs.Op, path string) error {
		if op == faultfs.Read && strings.Contains(path, "blobs") {
			reads.Add(1)
		}
		return nil
	})
	verifyOf := func(d string) (n int64) {
		t.Helper()
		before := reads.Load()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				b, err := f.OpenBlob(ctx, f.reg, "r", d)
				if err == nil {
					err = errors.Join(b.Verify(ctx), b.Close())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return reads.Load() - before
	}
	verify := func() int64 { t.Helper(); return verifyOf(d) }
	once := verify()
	if once == 0 || once > 1<<20/(64<<10) {
		t.Errorf("%d reads for eight callers", once)
	}
	if n := verify(); n != 0 {
		t.Errorf("%d reads of what is known", n)
	}
	must(t, f.PutBlob(ctx, f.reg, "r", d, bytes.NewReader(body)))
	if n := verify(); n != once {
		t.Errorf("%d reads of what was replaced, want %d", n, once)
	}
	for range 300 { // a check may end between a caller's question and its turn
		must(t, f.PutBlob(ctx, f.reg, "r", digestOf([]byte("x")), strings.NewReader("x")))
		if n := verifyOf(digestOf([]byte("x"))); n != 2 {
			t.Fatalf("%d reads of one byte and the end", n)
		}
	}
	// Who waits for a check that was given up makes it.
	must(t, f.PutBlob(ctx, f.reg, "r", d, bytes.NewReader(body)))
	gone, cancel := context.WithCancel(ctx)
	cancel()
	b := get(f.OpenBlob(ctx, f.reg, "r", d))
	if err := b.Verify(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a check without its caller: %v", err)
	}
	must(t, b.Close())
	if n := verify(); n != once {
		t.Errorf("%d reads after a check that was given up, want %d", n, once)
	}
}

// TestPartOfUnchecked: the reader of content that was not checked yields no part
// of it but the beginning.
func TestPartOfUnchecked(t *testing.T) {
	f := open(t, setup{dir: t.TempDir()})
	d := f.blob("r", "some text")
	b := get(f.OpenBlob(t.Context(), f.reg, "r", d))
	defer b.Close()
	r := b.Reader()
	if n, err := r.Seek(0, io.SeekEnd); n != 9 || err != nil {
		t.Errorf("the end: %d, %v", n, err)
	}
	if _, err := r.Seek(1, io.SeekStart); err == nil {
		t.Error("a part that was not checked was given")
	}
	must(t, first(r.Seek(0, io.SeekStart)))
	if got := get(io.ReadAll(r)); string(got) != "some text" {
		t.Errorf("%q", got)
	}
}

// TestManifestRot damages what the database says of a manifest. It is not served,
// a push of the same bytes heals it, and nothing that it names is collected then.
func TestManifestRot(t *testing.T) {
	for what, damage := range map[string]string{
		"one byte": "UPDATE manifest_bodies SET body=CAST(replace(CAST(body AS " +
			"TEXT),'schemaVersion','schemaversion') AS BLOB)",
		"shorter":       "UPDATE manifest_bodies SET body=substr(body,1,10)",
		"no body":       "DELETE FROM manifest_bodies",
		"no references": "DELETE FROM manifest_references",
		"other references": "UPDATE manifest_references SET digest='sha256:" + strings.Repeat("0", 64) +
			"' WHERE position=1",
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/restarted=%v", what, restarted), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				f := open(t, setup{dir: dir})
				ctx := t.Context()
				d := f.image("r", "v1", "layer")
				good := get(f.ManifestContent(ctx, f.reg, "r", d))
				must(t, f.db.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(damage); return err }))
				if restarted {
					f.close()
					f = open(t, setup{dir: dir})
				}
				for _, ref := range []string{d, "v1", d} {
					got, err := f.ManifestContent(ctx, f.reg, "r", ref)
					switch {
					case strings.Contains(what, "references"):
						must(t, err)
					case what == "no body":
						if !errors.As(err, new(*content.Error)) {
							t.Errorf("%s: %q, %v", ref, got.Body, err)
						}
					default:
						f.wantKind(err, content.Damaged)
					}
				}
				f.put("r", "v1", manifestType, string(good.Body))
				for _, ref := range []string{d, "v1"} {
					if got := get(f.ManifestContent(ctx, f.reg, "r", ref)); !bytes.Equal(got.Body, good.Body) {
						t.Errorf("%s is %q after the push", ref, got.Body)
					}
				}
				references := 0
				must(t, f.db.Read(ctx, func(tx *db.Tx) error {
					return tx.QueryRow("SELECT count(*) FROM manifest_references WHERE digest IN (?,?)",
						[]any{digestOf([]byte("layer")),
							digestOf([]byte(`{"architecture":"amd64","os":"linux","for":"layer"}`))}, &references)
				}))
				if references != 2 {
					t.Errorf("%d references after the push", references)
				}
			})
		}
	}
}

// TestRottenConfig: what a rotten config says of the platform is not taken over.
func TestRottenConfig(t *testing.T) {
	dir := t.TempDir()
	f := open(t, setup{dir: dir})
	config := `{"architecture":"amd64","os":"linux"}`
	d := f.blob("r", config)
	f.blob("r", "layer")
	rotten := strings.Replace(config, "amd64", "amd65", 1)
	must(t, os.WriteFile(contenttest.File(dir, d), []byte(rotten), 0o600))
	_, _, err := f.PutManifest(t.Context(), f.reg, "r", "v1", manifestType, []byte(imageJSON(config, "layer")))
	if err == nil {
		m := get(f.Manifest(t.Context(), f.reg, "r", digestOf([]byte(imageJSON(config, "layer")))))
		if m.Architecture != "" {
			t.Errorf("the architecture is %q", m.Architecture)
		}
	}
	f.wantKind(first(f.Blob(t.Context(), f.reg, "r", d)), content.Damaged)
}

// TestConditionsAreBounded: what is good is forgotten before what is bad.
func TestConditionsAreBounded(t *testing.T) {
	var c content.Conditions
	info := blob.Info{Size: 1}
	c.Put("bad", info, false)
	for i := range content.MaxConditions - 1 {
		c.Put(fmt.Sprint(i), info, true)
	}
	if _, known := c.Get("0", info); !known || c.Len() != content.MaxConditions {
		t.Errorf("%d are known", c.Len())
	}
	c.Put("0", info, true) // known already: nothing is forgotten
	if _, known := c.Get("1", info); !known {
		t.Error("one was forgotten before the limit")
	}
	c.Put("one more", info, true)
	good, known := c.Get("bad", info)
	if good || !known || c.Len() != 2 {
		t.Errorf("good %v, known %v, %d are known", good, known, c.Len())
	}
	for i := range 2 * content.MaxConditions {
		c.Put(fmt.Sprint(i), info, false)
		if c.Len() > content.MaxConditions {
			t.Fatalf("%d are known", c.Len())
		}
	}
	if _, known := c.Get("bad", blob.Info{Size: 2}); known {
		t.Error("another file is known")
	}
}
