package content_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/content"
)

func TestUploads(t *testing.T) {
	for _, where := range []string{"memory", "disk"} {
		t.Run(where, func(t *testing.T) {
			s := setup{}
			if where == "disk" {
				s.dir = t.TempDir()
			}
			f := open(t, s)
			ctx := t.Context()
			text := strings.Repeat("0123456789", 50_000)
			d := digestOf([]byte(text))
			id := get(f.StartUpload(ctx, f.reg, "r"))
			want := func(size int64, err error, wantSize int, kind content.Kind) {
				t.Helper()
				if size != int64(wantSize) || content.KindOf(err) != kind || kind == "" && err != nil {
					t.Errorf("%d, %v; want %d, %q", size, err, wantSize, kind)
				}
			}
			size, err := f.AppendUpload(ctx, id, 0, strings.NewReader(text[:1000]))
			want(size, err, 1000, "")
			size, err = f.AppendUpload(ctx, id, 0, strings.NewReader(text[:1000]))
			want(size, err, 1000, content.UploadOffset)
			f.wantKind(f.FinishUpload(ctx, f.reg, "r", id, d, 1001, nil), content.UploadOffset)
			size, err = f.AppendUpload(ctx, id, 1001, strings.NewReader(text[1001:]))
			want(size, err, 1000, content.UploadOffset)
			size, err = f.AppendUpload(ctx, id, -1, io.MultiReader(strings.NewReader(text[1000:200_000]),
				iotest.ErrReader(io.ErrUnexpectedEOF)))
			want(size, err, 200_000, content.UploadBroken)
			size, err = f.UploadSize(ctx, id)
			want(size, err, 200_000, "")
			if where == "disk" { // the running hash is lost
				f.close()
				f = open(t, s)
				size, err = f.UploadSize(ctx, id)
				want(size, err, 200_000, "")
			}
			size, err = f.AppendUpload(ctx, id, 200_000, strings.NewReader(text[200_000:300_000]))
			want(size, err, 300_000, "")
			must(t, f.FinishUpload(ctx, f.reg, "r", id, d, 300_000, strings.NewReader(text[300_000:])))
			r, err := f.OpenBlob(ctx, f.reg, "r", d)
			must(t, err)
			defer r.Close()
			if got, _ := io.ReadAll(r.Reader()); string(got) != text {
				t.Error("the blob is not what was uploaded")
			}
			f.wantKind(first(f.UploadSize(ctx, id)), content.UploadUnknown)
			f.wantKind(first(f.AppendUpload(ctx, id, -1, strings.NewReader("x"))), content.UploadUnknown)
			f.wantKind(f.FinishUpload(ctx, f.reg, "r", id, d, -1, nil), content.UploadUnknown)
			f.wantKind(f.CancelUpload(ctx, id), content.UploadUnknown)

			id = get(f.StartUpload(ctx, f.reg, "r"))
			must(t, first(f.AppendUpload(ctx, id, -1, strings.NewReader("other"))))
			f.wantKind(f.FinishUpload(ctx, f.reg, "r", id, d, -1, nil), content.DigestMismatch)
			f.wantKind(first(f.UploadSize(ctx, id)), content.UploadUnknown)

			id = get(f.StartUpload(ctx, f.reg, "r"))
			must(t, f.CancelUpload(ctx, id))
			f.wantKind(first(f.UploadSize(ctx, id)), content.UploadUnknown)

			sum := sha512.Sum512([]byte(text))
			must(t, f.PutBlob(ctx, f.reg, "r", "sha512:"+hex.EncodeToString(sum[:]), strings.NewReader(text)))
			f.wantKind(f.PutBlob(ctx, f.reg, "r", digestOf([]byte("lie")), strings.NewReader("truth")),
				content.DigestMismatch)
			f.wantKind(f.PutBlob(ctx, f.reg, "r", digestOf([]byte("x")), iotest.ErrReader(errors.New("gone"))),
				content.UploadBroken)
			if s.dir != "" {
				if left, _ := os.ReadDir(filepath.Join(s.dir, "uploads")); len(left) != 0 {
					t.Errorf("%d uploads are left", len(left))
				}
			}
		})
	}
}

// zeros yields n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(b []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	k := min(int64(len(b)), z.n)
	clear(b[:k])
	z.n -= k
	return int(k), nil
}

// TestFlatMemory streams a blob in and out: what is allocated does not grow
// with it.
func TestFlatMemory(t *testing.T) {
	const size, limit = 64 << 20, 4 << 20
	h := sha256.New()
	_, _ = io.Copy(h, &zeros{size})
	d := "sha256:" + hex.EncodeToString(h.Sum(nil))
	f := open(t, setup{dir: t.TempDir()})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	must(t, f.PutBlob(t.Context(), f.reg, "r", d, &zeros{size}))
	r, err := f.OpenBlob(t.Context(), f.reg, "r", d)
	must(t, err)
	defer r.Close()
	if n, err := io.Copy(io.Discard, r.Reader()); n != size || err != nil {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > limit {
		t.Errorf("%d bytes were allocated for a blob of %d, want at most %d", used, size, limit)
	}
}

func TestUploadByManyAtOnce(t *testing.T) {
	f := open(t, setup{})
	ctx := t.Context()
	id := get(f.StartUpload(ctx, f.reg, "r"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := f.AppendUpload(ctx, id, -1, strings.NewReader("0123456789")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text := strings.Repeat("0123456789", 8)
	var won, lost int
	var mu sync.Mutex
	for range 4 {
		all.Go(func() {
			err := f.FinishUpload(ctx, f.reg, "r", id, digestOf([]byte(text)), -1, nil)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case content.KindOf(err) == content.UploadUnknown:
				lost++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 || lost != 3 {
		t.Errorf("%d finished it and %d found it gone, want 1 and 3", won, lost)
	}
	// Who waits for an upload may give up.
	id = get(f.StartUpload(ctx, f.reg, "r"))
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- first(f.AppendUpload(ctx, id, -1, r)) }()
	_, _ = w.Write([]byte("x"))
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := f.UploadSize(short, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a deadline", err)
	}
	w.Close()
	must(t, <-done)
}

func TestOldUploadsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	f := open(t, setup{dir: dir})
	old := get(f.StartUpload(t.Context(), f.reg, "r"))
	fresh := get(f.StartUpload(t.Context(), f.reg, "r"))
	f.close()
	long := time.Now().Add(-24*time.Hour - time.Minute)
	must(t, os.Chtimes(filepath.Join(dir, "uploads", old), long, long))
	f = open(t, setup{dir: dir})
	f.wantKind(first(f.UploadSize(t.Context(), old)), content.UploadUnknown)
	must(t, first(f.UploadSize(t.Context(), fresh)))
}
