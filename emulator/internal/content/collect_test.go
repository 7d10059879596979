package content_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/blob/faultfs"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// machine is a machine's clock that a test moves.
type machine struct{ now atomic.Int64 }

func newMachine() *machine {
	m := &machine{}
	m.now.Store(time.Now().UnixNano())
	return m
}

func (m *machine) Now() time.Time          { return time.Unix(0, m.now.Load()) }
func (m *machine) advance(d time.Duration) { m.now.Add(int64(d)) }

// contents lists what the blob store holds.
func contents(t interface{ Fatal(...any) }, s blob.Store) map[string]int64 {
	all := map[string]int64{}
	for c, err := range s.Contents(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all[c.Digest] = c.Size
	}
	return all
}

// openAt opens a store by a machine's clock.
func openAt(t *testing.T, clock *machine, dir string, fs blob.FS) *fixture {
	t.Helper()
	return newFixture(t, contenttest.Setup{Dir: dir, FS: fs, Content: &content.Options{Now: clock.Now}})
}

func TestCollect(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		clock := newMachine()
		f := openAt(t, clock, dir, nil)
		ctx := t.Context()
		collect := func(want content.Collected) {
			t.Helper()
			if diff := cmp.Diff(want, get(f.Collect(ctx))); diff != "" {
				t.Errorf("collected (-want +got):\n%s", diff)
			}
		}
		there := func(repo, text string, want bool) {
			t.Helper()
			_, err := f.Blob(ctx, f.reg, repo, digestOf([]byte(text)))
			if (err == nil) != want {
				t.Errorf("%q in %s: %v", text, repo, err)
			}
		}
		image := f.image("a", "v1", "layer")
		f.blob("a", "loose")
		f.blob("b", "layer")
		f.blob("b", "asked for")
		collect(content.Collected{})
		clock.advance(content.BlobGrace - time.Minute)
		there("b", "asked for", true) // counts from now on again
		clock.advance(2 * time.Minute)
		collect(content.Collected{Blobs: 2, Contents: 1, Bytes: int64(len("loose"))})
		there("a", "layer", true)
		there("a", "loose", false)
		there("b", "layer", false)
		there("b", "asked for", true)

		// What a deleted manifest named is idle from then on.
		must(t, f.DeleteManifest(ctx, f.reg, "a", image))
		clock.advance(content.BlobGrace / 2)
		collect(content.Collected{})
		if got := get(f.Mount(ctx, f.reg, "a", "c", digestOf([]byte("layer")))); !got {
			t.Error("not mounted")
		}
		clock.advance(content.BlobGrace/2 + time.Minute)
		got := get(f.Collect(ctx))
		if got.Blobs != 3 || got.Contents != 2 { // layer and config of a, and what was asked for; c has the layer still
			t.Errorf("collected %+v", got)
		}
		there("c", "layer", true)
		f.image("c", "v1", "layer")
		must(t, f.DeleteBlob(ctx, f.reg, "c", digestOf([]byte("layer"))))
		if got := get(f.CollectIdle(ctx)); got.Contents != 1 {
			t.Errorf("after a deleted blob: %+v", got)
		}
		must(t, second(f.DeleteRepository(ctx, f.reg, "c")))
		if got := get(f.CollectIdle(ctx)); got.Contents != 1 {
			t.Errorf("after a deleted repository: %+v", got)
		}
		if got := contents(t, f.blobs); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
	}
}

// TestCollectUploads drops idle uploads while the store is open, and none that is
// in use.
func TestCollectUploads(t *testing.T) {
	clock, ctx := newMachine(), t.Context()
	f := openAt(t, clock, "", nil)
	old := get(f.StartUpload(ctx, f.reg, "r"))
	must(t, first(f.AppendUpload(ctx, old, 0, strings.NewReader("x"))))
	busy := get(f.StartUpload(ctx, f.reg, "r"))
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- first(f.AppendUpload(ctx, busy, 0, r)) }()
	_, err := w.Write([]byte("x"))
	must(t, err)
	clock.advance(content.UploadLifetime / 2)
	asked := get(f.StartUpload(ctx, f.reg, "r"))
	clock.advance(content.UploadLifetime/2 + time.Minute)
	must(t, first(f.UploadSize(ctx, asked)))
	if got := get(f.Collect(ctx)); got.Uploads != 1 {
		t.Errorf("collected %+v", got)
	}
	must(t, w.Close())
	must(t, <-done)
	f.wantKind(first(f.UploadSize(ctx, old)), content.UploadUnknown)
	must(t, f.FinishUpload(ctx, f.reg, "r", busy, digestOf([]byte("x")), -1, nil))
	must(t, first(f.UploadSize(ctx, asked)))
	clock.advance(content.UploadLifetime / 2)
	if got := get(f.Collect(ctx)); got.Uploads != 0 {
		t.Errorf("an upload that was asked for half its life ago: %+v", got)
	}
	clock.advance(content.UploadLifetime)
	if got := get(f.Collect(ctx)); got.Uploads != 1 {
		t.Errorf("collected %+v", got)
	}
	for u := range f.blobs.Uploads(ctx) {
		t.Errorf("left: %v", u)
	}
}

// TestCollectKeepsWhatIsNamed does random things in random order. At any time
// all that a manifest names can be read, and a blob that a client learned to exist
// stays for half the grace period; after a collection nothing else is there.
func TestCollectKeepsWhatIsNamed(t *testing.T) {
	type key struct{ repo, text string }
	rapid.Check(t, func(rt *rapid.T) {
		clock, ctx := newMachine(), t.Context()
		d, err := db.Open(ctx, "", &db.Options{Migrations: content.Migrations()})
		if err != nil {
			rt.Fatal(err)
		}
		defer d.Close()
		blobs := blob.NewMemory(&blob.MemoryOptions{Now: clock.Now})
		s, err := content.Open(ctx, d, blobs, &content.Options{Now: clock.Now})
		if err != nil {
			rt.Fatal(err)
		}
		reg := get(s.CreateRegistry(ctx, "myregistry"))
		seen := map[key]time.Time{}           // when a client last learned that a blob exists
		manifests := map[string]map[key]key{} // by repository and manifest's texts: what it names
		texts := []string{"{}", "one", "two", "three"}
		repos := []string{"a", "b"}
		anyText, anyRepo := rapid.SampledFrom(texts), rapid.SampledFrom(repos)
		fail := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		digest := func(text string) string { return digestOf([]byte(text)) }
		isNamed := func(k key) bool {
			for names := range manifests[k.repo] {
				if names.repo == k.text || names.text == k.text {
					return true
				}
			}
			return false
		}
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				k := key{anyRepo.Draw(rt, "repo"), anyText.Draw(rt, "text")}
				fail(s.PutBlob(ctx, reg, k.repo, digest(k.text), strings.NewReader(k.text)))
				seen[k] = clock.Now()
			},
			"head": func(rt *rapid.T) {
				k := key{anyRepo.Draw(rt, "repo"), anyText.Draw(rt, "text")}
				switch _, err := s.Blob(ctx, reg, k.repo, digest(k.text)); {
				case err == nil:
					seen[k] = clock.Now()
				case content.KindOf(err) != content.BlobUnknown:
					rt.Fatal(err)
				}
			},
			"mount": func(rt *rapid.T) {
				text := anyText.Draw(rt, "text")
				mounted, err := s.Mount(ctx, reg, "a", "b", digest(text))
				fail(err)
				if mounted {
					seen[key{"b", text}] = clock.Now()
				}
			},
			"put": func(rt *rapid.T) {
				repo, config, layer := anyRepo.Draw(rt, "repo"), anyText.Draw(rt, "config"), anyText.Draw(rt, "layer")
				body := imageJSON(config, layer)
				_, _, err := s.PutManifest(ctx, reg, repo, digest(body), manifestType, []byte(body))
				switch content.KindOf(err) {
				case content.ManifestBlobUnknown:
				default:
					fail(err)
					if manifests[repo] == nil {
						manifests[repo] = map[key]key{}
					}
					manifests[repo][key{config, layer}] = key{}
				}
			},
			"delete": func(rt *rapid.T) {
				repo := anyRepo.Draw(rt, "repo")
				all := slices.SortedFunc(maps.Keys(manifests[repo]), func(a, b key) int {
					return strings.Compare(a.repo+"/"+a.text, b.repo+"/"+b.text)
				})
				if len(all) == 0 {
					return
				}
				m := rapid.SampledFrom(all).Draw(rt, "manifest")
				fail(s.DeleteManifest(ctx, reg, repo, digest(imageJSON(m.repo, m.text))))
				delete(manifests[repo], m)
				// What it named is idle now, and the client knows that it exists.
				seen[key{repo, m.repo}], seen[key{repo, m.text}] = clock.Now(), clock.Now()
			},
			"delete repository": func(rt *rapid.T) {
				repo := anyRepo.Draw(rt, "repo")
				_, _, err := s.DeleteRepository(ctx, reg, repo)
				if content.KindOf(err) == content.RepositoryUnknown {
					return
				}
				fail(err)
				delete(manifests, repo)
				maps.DeleteFunc(seen, func(k key, _ time.Time) bool { return k.repo == repo })
			},
			"wait": func(rt *rapid.T) {
				clock.advance(time.Duration(rapid.IntRange(1, 30).Draw(rt, "hours")) * time.Hour)
			},
			"collect": func(rt *rapid.T) {
				_, err := s.Collect(ctx)
				fail(err)
				held := map[string]bool{}
				for _, repo := range repos {
					for _, text := range texts {
						k := key{repo, text}
						if since := clock.Now().Sub(seen[k]); isNamed(k) || since <= content.BlobGrace {
							held[digest(text)] = true
						}
					}
				}
				for d := range contents(rt, blobs) {
					if !held[d] {
						rt.Fatalf("%s is left, though nothing names it and no client knows of it", d)
					}
				}
			},
			"": func(rt *rapid.T) {
				stored := contents(rt, blobs)
				for _, repo := range repos {
					for _, text := range texts {
						k := key{repo, text}
						when, wasSeen := seen[k]
						if !isNamed(k) && (!wasSeen || clock.Now().Sub(when) > content.BlobGrace/2) {
							continue
						}
						if _, ok := stored[digest(text)]; !ok {
							rt.Fatalf("%q of %s is gone", text, repo)
						}
					}
				}
			},
		})
	})
}

// TestCollectWhilePushing collects without any grace while many push, mount and
// delete the same few blobs: a manifest is taken with all that it names, or
// refused.
func TestCollectWhilePushing(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, contenttest.Setup{Dir: dir, Content: &content.Options{BlobGrace: time.Nanosecond}})
			s, reg, ctx := f.Store, f.reg, t.Context()
			rounds := 60
			if testing.Short() {
				rounds = 30
			}
			var work, collector sync.WaitGroup
			stop := make(chan struct{})
			var collected content.Collected
			var raced atomic.Bool // the collector took something away meanwhile
			collector.Go(func() {
				for {
					c, err := s.Collect(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					collected.Blobs += c.Blobs
					collected.Contents += c.Contents
					raced.Store(collected.Blobs > 0 && collected.Contents > 0)
					select {
					case <-stop:
						return
					default:
					}
				}
			})
			var taken, refused atomic.Int64
			for worker := range 8 {
				dice := rand.New(rand.NewPCG(1, uint64(worker)))
				work.Go(func() {
					// How often each one runs depends on the machine.
					for round := 0; round < rounds || !raced.Load() && round < 50*rounds; round++ {
						repo, tag := fmt.Sprint("r", worker), fmt.Sprint("t", round)
						layer := fmt.Sprint("layer ", dice.IntN(3))
						switch dice.IntN(4) {
						case 0:
							layer = fmt.Sprint("layer of ", worker/2)
						case 1: // no other worker keeps it, so that it goes and comes
							layer = fmt.Sprint("layer of ", worker, " alone")
						}
						for _, text := range []string{"{}", layer} {
							digest := digestOf([]byte(text))
							mounted := false
							if dice.IntN(2) == 0 {
								m, err := s.Mount(ctx, reg, fmt.Sprint("r", dice.IntN(8)), repo, digest)
								if err != nil {
									t.Error(err)
								}
								mounted = m
							}
							if !mounted {
								if err := s.PutBlob(ctx, reg, repo, digest, strings.NewReader(text)); err != nil {
									t.Error(err)
								}
							}
						}
						body := imageJSON("{}", layer, fmt.Sprintf(`,"annotations":{"n":"%d %d"}`, worker, round))
						m, _, err := s.PutManifest(ctx, reg, repo, tag, manifestType, []byte(body))
						if content.KindOf(err) == content.ManifestBlobUnknown {
							refused.Add(1)
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						taken.Add(1)
						for _, text := range []string{"{}", layer} {
							r, err := s.OpenBlob(ctx, reg, repo, digestOf([]byte(text)))
							if err != nil {
								t.Errorf("named by a manifest, and gone: %v", err)
								return
							}
							if got, err := io.ReadAll(r.Reader()); err != nil || string(got) != text {
								t.Errorf("%q, %v", got, err)
							}
							r.Close()
						}
						if dice.IntN(3) > 0 {
							if err := s.DeleteManifest(ctx, reg, repo, m); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			work.Wait()
			close(stop)
			collector.Wait()
			t.Logf("%d manifests taken, %d refused; collected %+v", taken.Load(), refused.Load(), collected)
			if taken.Load() == 0 || collected.Blobs == 0 || collected.Contents == 0 {
				t.Error("the race did not take place")
			}
		})
	}
}

// TestCollectSparesWhatIsRenewed: a blob whose idle time restarts between its
// being listed and its being taken away stays.
func TestCollectSparesWhatIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, ctx := newMachine(), t.Context()
		f := openAt(t, clock, t.TempDir(), nil) // on disk, where readers do not wait for the writer
		renewed := f.blob("r", "renewed")
		clock.advance(content.BlobGrace + time.Minute)
		collected := make(chan content.Collected, 1)
		must(t, f.db.Write(ctx, func(tx *db.Tx) error {
			go func() { collected <- get(f.Collect(context.Background())) }()
			synctest.Wait() // it has listed the blob, and waits for the writer
			return f.Restored(tx)
		}))
		if diff := cmp.Diff(content.Collected{}, <-collected); diff != "" {
			t.Errorf("collected (-want +got):\n%s", diff)
		}
		must(t, first(f.Blob(ctx, f.reg, "r", renewed)))
	})
}

// TestCollectFaults: where something cannot be removed, the rest is, and a later
// collection removes it.
func TestCollectFaults(t *testing.T) {
	clock, fs, ctx := newMachine(), faultfs.New(), t.Context()
	f := openAt(t, clock, t.TempDir(), fs)
	f.image("r", "v1", "kept")
	stuck := f.blob("r", "stuck")
	f.blob("r", "loose")
	clock.advance(content.BlobGrace + time.Minute)
	fs.Fail(func(op faultfs.Op, path string) error {
		if op == faultfs.Remove && strings.HasSuffix(path, stuck[7:]) {
			return syscall.EIO
		}
		return nil
	})
	got, err := f.Collect(ctx)
	if !errors.Is(err, syscall.EIO) || got.Contents != 1 || got.Blobs != 2 {
		t.Errorf("collected %+v, %v", got, err)
	}
	fs.Fail(nil)
	if got := get(f.CollectIdle(ctx)); got.Contents != 1 {
		t.Errorf("later: %+v", got)
	}
	if got := contents(t, f.blobs); len(got) != 2 {
		t.Errorf("left: %v", got)
	}
	must(t, first(f.OpenBlob(ctx, f.reg, "r", digestOf([]byte("kept")))))
}

// TestCollectLeavesForeignFiles: what is no content in the folder stays.
func TestCollectLeavesForeignFiles(t *testing.T) {
	clock, dir := newMachine(), t.TempDir()
	f := openAt(t, clock, dir, nil)
	d := f.blob("r", "x")
	folder := filepath.Join(dir, "blobs", "sha256", d[7:9])
	note := filepath.Join(folder, "README")
	must(t, os.WriteFile(note, []byte("hands off"), 0o600))
	clock.advance(2 * content.BlobGrace)
	if got := get(f.Collect(t.Context())); got.Contents != 1 {
		t.Errorf("collected %+v", got)
	}
	if _, err := os.Stat(note); err != nil {
		t.Error(err)
	}
}

// TestCollectEndsWithClose closes the store during a collection.
func TestCollectEndsWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, fs := newMachine(), faultfs.New()
		f := openAt(t, clock, t.TempDir(), fs)
		f.blob("r", "one")
		f.blob("r", "two")
		clock.advance(2 * content.BlobGrace)
		removing, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		fs.Fail(func(op faultfs.Op, _ string) error {
			if op == faultfs.Remove {
				once.Do(func() { close(removing); <-goOn })
			}
			return nil
		})
		ended := make(chan error, 1)
		go func() { _, err := f.Collect(context.Background()); ended <- err }()
		<-removing
		closed := make(chan struct{})
		go func() { f.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while content was being removed")
		default:
		}
		close(goOn)
		<-closed
		if err := <-ended; !errors.Is(err, db.ErrClosed) {
			t.Errorf("the collection ended with %v", err)
		}
		if got := contents(t, f.blobs); len(got) != 1 {
			t.Errorf("left %v, want the one that was not begun", got)
		}
		if _, err := f.Collect(t.Context()); !errors.Is(err, db.ErrClosed) {
			t.Errorf("a collection after Close: %v", err)
		}
	})
}
