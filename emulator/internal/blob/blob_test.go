package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/blob/faultfs"
)

const id = "e5f62533-46f4-488e-89b1-f00bf69f275d"

// random returns n bytes that are the same in each run.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// each runs a test on every store.
func each(t *testing.T, f func(t *testing.T, s blob.Store)) {
	t.Run("memory", func(t *testing.T) { t.Parallel(); f(t, blob.NewMemory(nil)) })
	t.Run("disk", func(t *testing.T) { t.Parallel(); f(t, disk(t, t.TempDir(), nil)) })
}

func disk(t *testing.T, dir string, fs blob.FS) blob.Store {
	t.Helper()
	s, err := blob.OpenDisk(dir, fs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s blob.Store, b []byte) string {
	t.Helper()
	must(t, s.Create(t.Context(), id))
	_, err := s.Append(t.Context(), id, 0, bytes.NewReader(b))
	must(t, err)
	must(t, s.Commit(t.Context(), id, digest(b)))
	return digest(b)
}

func get(t *testing.T, s blob.Store, d string) []byte {
	t.Helper()
	r, info, err := s.Open(t.Context(), d)
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	if int64(len(b)) != info.Size {
		t.Errorf("size %d, content has %d bytes", info.Size, len(b))
	}
	return b
}

func uploads(t *testing.T, s blob.Store) (ids []string) {
	t.Helper()
	for u, err := range s.Uploads(t.Context()) {
		must(t, err)
		ids = append(ids, u.ID)
	}
	return ids
}

func TestContent(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		for _, size := range []int{0, 1, 128 << 10, 256 << 10, 256<<10 + 1, 1<<20 + 77} {
			b := random(size)
			d := put(t, s, b)
			if !bytes.Equal(get(t, s, d), b) {
				t.Errorf("%d bytes came back changed", size)
			}
			r, info, err := s.Open(t.Context(), d)
			must(t, err)
			must(t, iotest.TestReader(r, b))
			must(t, r.Close())
			if stat, err := s.Stat(t.Context(), d); err != nil || stat != info {
				t.Errorf("%+v, by Stat %+v, %v", info, stat, err)
			}
		}
		if got := uploads(t, s); got != nil {
			t.Errorf("uploads %v are left", got)
		}
		b := random(1000)
		put(t, s, b)
		d := put(t, s, b) // again: replaced
		r, _, err := s.Open(t.Context(), d)
		must(t, err)
		defer r.Close()
		must(t, s.Remove(t.Context(), d))
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
			t.Errorf("content that was removed while being read: %v", err)
		}
		for what, err := range map[string]error{
			"open":   second(s.Open(t.Context(), d)),
			"stat":   first(s.Stat(t.Context(), d)),
			"remove": s.Remove(t.Context(), d),
			"path":   second(s.Open(t.Context(), "sha256:../../../../etc/passwd")),
			"other":  second(s.Open(t.Context(), "md5:d41d8cd98f00b204e9800998ecf8427e")),
			"id":     s.Create(t.Context(), "../escape"),
			"append": first(s.Append(t.Context(), "00", 0, strings.NewReader("x"))),
			"commit": s.Commit(t.Context(), "00", d),
			"abort":  s.Abort(t.Context(), "00"),
			"size":   first(s.Size(t.Context(), "00")),
			"upload": first(s.OpenUpload(t.Context(), "00")),
		} {
			if !errors.Is(err, blob.ErrNotExist) {
				t.Errorf("%s: error %v, want %v", what, err, blob.ErrNotExist)
			}
		}
	})
}

func first[T any](_ T, err error) error        { return err }
func second[T, U any](_ T, _ U, e error) error { return e }

func TestAppend(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		ctx := t.Context()
		b := random(700_000)
		must(t, s.Create(ctx, id))
		if err := s.Create(ctx, id); !errors.Is(err, os.ErrExist) {
			t.Errorf("second create: %v", err)
		}
		check := func(want int) {
			t.Helper()
			size, err := s.Size(ctx, id)
			must(t, err)
			r, err := s.OpenUpload(ctx, id)
			must(t, err)
			defer r.Close()
			got, err := io.ReadAll(r)
			must(t, err)
			if int(size) != want || !bytes.Equal(got, b[:want]) {
				t.Errorf("size %d, %d bytes; want the first %d", size, len(got), want)
			}
		}
		if n, err := s.Append(ctx, id, 0, bytes.NewReader(b[:300_000])); n != 300_000 || err != nil {
			t.Errorf("append: %d, %v", n, err)
		}
		check(300_000)
		// A source that breaks: what came is kept. A broken HTTP body says so too.
		for _, cause := range []error{errors.New("reset"), io.ErrUnexpectedEOF} {
			n, err := s.Append(ctx, id, 300_000, io.MultiReader(bytes.NewReader(b[300_000:350_001]),
				iotest.ErrReader(cause)))
			if _, ok := errors.AsType[*blob.ReadError](err); !ok || !errors.Is(err, cause) || n != 50_001 {
				t.Errorf("broken source: %d, %v", n, err)
			}
			check(350_001)
		}
		if n, err := s.Append(ctx, id, 350_002, strings.NewReader("x")); err == nil || n != 0 {
			t.Errorf("a gap was accepted: %d, %v", n, err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Append(gone, id, 350_001, bytes.NewReader(b)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		check(350_001)
		// Cut, then on: what a retry of a chunk does.
		_, err := s.Append(ctx, id, 262_144+5, bytes.NewReader(b[262_144+5:]))
		must(t, err)
		check(len(b))
		if got := uploads(t, s); !cmp.Equal(got, []string{id}) {
			t.Errorf("uploads %v, want %v", got, id)
		}
		must(t, s.Abort(ctx, id))
		if got := uploads(t, s); got != nil {
			t.Errorf("uploads %v are left", got)
		}
	})
}

func TestUploadsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				b := random(50_000 + i%4)
				up := fmt.Sprintf("%02x", i)
				for _, err := range []error{
					s.Create(t.Context(), up),
					first(s.Append(t.Context(), up, 0, bytes.NewReader(b))),
					s.Commit(t.Context(), up, digest(b)),
				} {
					if err != nil {
						t.Error(err)
					}
				}
				if !bytes.Equal(get(t, s, digest(b)), b) {
					t.Error("content changed")
				}
			})
		}
		all.Wait()
	})
}

func TestDiskOrder(t *testing.T) {
	fs := faultfs.New()
	s := disk(t, t.TempDir(), fs)
	fs.Trace()
	b := []byte("x")
	hex := strings.TrimPrefix(digest(b), "sha256:")
	put(t, s, b)
	want := []string{"write " + id, "sync " + id,
		"mkdir sha256", "syncdir blobs", "mkdir " + hex[:2], "syncdir sha256",
		"rename " + id, "syncdir " + hex[:2]}
	if diff := cmp.Diff(want, fs.Trace()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestDiskOnlyOwnerReads(t *testing.T) {
	dir := t.TempDir()
	put(t, disk(t, dir, nil), []byte("x"))
	must(t, filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
}

// TestDiskFaults makes each kind of operation fail once with each error while
// content is put, and checks that nothing half-made is seen and that the store
// works on.
func TestDiskFaults(t *testing.T) {
	old, b := random(100), random(400_000)
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for _, op := range []faultfs.Op{faultfs.Open, faultfs.Write, faultfs.Sync, faultfs.Mkdir, faultfs.Rename,
			faultfs.SyncDir} {
			t.Run(fmt.Sprintf("%v/%s", cause, op), func(t *testing.T) {
				fs := faultfs.New()
				s := disk(t, t.TempDir(), fs)
				ctx := t.Context()
				put(t, s, old)
				must(t, s.Create(ctx, id))
				_, err := s.Append(ctx, id, 0, bytes.NewReader(b[:1000]))
				must(t, err)
				var failed bool
				fs.Fail(func(o faultfs.Op, _ string) error {
					if o == op && !failed {
						failed = true
						return cause
					}
					return nil
				})
				_, err = s.Append(ctx, id, 1000, bytes.NewReader(b[1000:]))
				if op == faultfs.Open || op == faultfs.Write {
					if !errors.Is(err, cause) || errors.Is(err, blob.ErrFull) != (cause == syscall.ENOSPC) {
						t.Errorf("append: %v", err)
					}
					if size, err := s.Size(ctx, id); err != nil || size != 1000 {
						t.Errorf("the upload has %d bytes, %v; want 1000", size, err)
					}
					_, err = s.Append(ctx, id, 1000, bytes.NewReader(b[1000:])) // as a client does
				}
				must(t, err)
				err = s.Commit(ctx, id, digest(b))
				if op != faultfs.Open && op != faultfs.Write {
					if !errors.Is(err, cause) || errors.Is(err, blob.ErrFull) != (cause == syscall.ENOSPC) {
						t.Errorf("commit: %v", err)
					}
					if got := uploads(t, s); got != nil {
						t.Errorf("uploads %v are left", got)
					}
					if r, _, err := s.Open(ctx, digest(b)); err == nil { // renamed, but not known to be durable
						got, _ := io.ReadAll(r)
						r.Close()
						if !bytes.Equal(got, b) {
							t.Error("half-made content is visible")
						}
					}
					put(t, s, b)
				} else {
					must(t, err)
				}
				if !failed {
					t.Error("the fault was not met")
				}
				if !bytes.Equal(get(t, s, digest(b)), b) || !bytes.Equal(get(t, s, digest(old)), old) {
					t.Error("content is damaged")
				}
			})
		}
	}
}

// TestDiskCrash cuts the power before each operation in turn. Content that
// Commit acknowledged is there afterwards; what is there is whole.
func TestDiskCrash(t *testing.T) {
	contents := [][]byte{random(300_000), random(200_000), random(1)}
	for step := 1; ; step++ {
		dir, fs := t.TempDir(), faultfs.New()
		s := disk(t, dir, fs)
		n := 0
		fs.Fail(func(faultfs.Op, string) error {
			if n++; n >= step {
				return faultfs.ErrCrashed
			}
			return nil
		})
		var acknowledged [][]byte
		for _, b := range contents {
			if s.Create(t.Context(), id) != nil {
				break
			}
			if _, err := s.Append(t.Context(), id, 0, bytes.NewReader(b)); err != nil {
				break
			}
			if s.Commit(t.Context(), id, digest(b)) != nil {
				break
			}
			acknowledged = append(acknowledged, b)
		}
		must(t, fs.Crash())
		s = disk(t, dir, nil)
		for _, b := range contents {
			isAcknowledged := slices.ContainsFunc(acknowledged, func(a []byte) bool { return bytes.Equal(a, b) })
			r, _, err := s.Open(t.Context(), digest(b))
			if err != nil {
				if isAcknowledged {
					t.Errorf("crash at %d: acknowledged content is lost: %v", step, err)
				}
				continue
			}
			got, _ := io.ReadAll(r)
			r.Close()
			if !bytes.Equal(got, b) {
				t.Errorf("crash at %d: content is damaged", step)
			}
		}
		if n < step {
			return // the work is done in fewer steps
		}
	}
}

// TestContents lists what was committed, and nothing else.
func TestContents(t *testing.T) {
	each(t, func(t *testing.T, s blob.Store) {
		want := map[string]int64{}
		for _, size := range []int{0, 7, 300_000} {
			want[put(t, s, random(size))] = int64(size)
		}
		gone := put(t, s, random(9))
		must(t, s.Remove(t.Context(), gone))
		must(t, s.Create(t.Context(), id))
		got := map[string]int64{}
		var order []string
		for c, err := range s.Contents(t.Context(), "") {
			must(t, err)
			got[c.Digest] = c.Size
			order = append(order, c.Digest)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("contents (-want +got):\n%s", diff)
		}
		if !slices.IsSorted(order) {
			t.Errorf("the order is %v", order)
		}
		for i, after := range append([]string{"sha256:" + strings.Repeat("0", 64)}, order...) {
			var rest []string
			for c, err := range s.Contents(t.Context(), after) {
				must(t, err)
				rest = append(rest, c.Digest)
			}
			if !slices.Equal(rest, order[i:]) {
				t.Errorf("after %s there are %v", after, rest)
			}
		}
	})
}

// TestStamp: a file that is written to, or takes another's place, has another
// stamp, also where its size and its time of writing are set back.
func TestStamp(t *testing.T) {
	dir := t.TempDir()
	s := disk(t, dir, nil)
	b := random(1000)
	d := put(t, s, b)
	hex := strings.TrimPrefix(d, "sha256:")
	path := filepath.Join(dir, "blobs", "sha256", hex[:2], hex)
	before, err := s.Stat(t.Context(), d)
	must(t, err)
	b[7] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
	when := time.Unix(0, before.Stamp.Modified)
	must(t, os.Chtimes(path, when, when))
	changed, err := s.Stat(t.Context(), d)
	must(t, err)
	if changed == before && (runtime.GOOS == "linux" || runtime.GOOS == "darwin") {
		t.Error("a file that was changed has the same stamp")
	}
	b[7] ^= 1
	put(t, s, b)
	replaced, err := s.Stat(t.Context(), d)
	must(t, err)
	if replaced == before || replaced == changed {
		t.Error("a file that was replaced has the same stamp")
	}
}

// TestMemoryLimit fills a store in memory: an error, the upload as it was before,
// and room again for what is removed.
func TestMemoryLimit(t *testing.T) {
	const limit = 1 << 20
	ctx, b := t.Context(), random(400_000)
	s := blob.NewMemory(&blob.MemoryOptions{Limit: limit})
	d := put(t, s, b)
	put(t, s, b) // the same again takes no more
	must(t, s.Create(ctx, id))
	must(t, first(s.Append(ctx, id, 0, bytes.NewReader(b))))
	n, err := s.Append(ctx, id, 400_000, bytes.NewReader(b))
	if n != 0 || !errors.Is(err, blob.ErrMemory) {
		t.Errorf("%d bytes, %v; want the limit", n, err)
	}
	if size, err := s.Size(ctx, id); size != 400_000 || err != nil {
		t.Errorf("the upload has %d bytes, %v", size, err)
	}
	must(t, s.Remove(ctx, d))
	must(t, first(s.Append(ctx, id, 400_000, bytes.NewReader(b))))
	must(t, first(s.Append(ctx, id, 0, bytes.NewReader(b)))) // cut back
	must(t, s.Abort(ctx, id))
	put(t, s, random(limit-2000))
	if err := s.Create(ctx, id); err != nil {
		t.Error(err)
	}
	// Empty uploads count as well.
	err = nil
	for i := 0; err == nil; i++ {
		if i > limit {
			t.Fatal("there is no end of uploads")
		}
		err = s.Create(ctx, fmt.Sprintf("%08x", i))
	}
	if !errors.Is(err, blob.ErrMemory) {
		t.Error(err)
	}
}
