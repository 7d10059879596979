package content_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
)

const years = 10 * 365 * 24 * time.Hour

// jumpy is a machine whose clock is set, while time goes on.
type jumpy struct{ base, offset, elapsed atomic.Int64 }

func newJumpy() *jumpy {
	j := &jumpy{}
	j.base.Store(time.Now().UnixNano())
	return j
}

func (j *jumpy) now() time.Time            { return time.Unix(0, j.base.Load()+j.offset.Load()+j.elapsed.Load()) }
func (j *jumpy) set(d time.Duration)       { j.offset.Store(int64(d)) }
func (j *jumpy) pass(d time.Duration)      { j.elapsed.Add(int64(d)) }
func (j *jumpy) since() time.Duration      { return time.Duration(j.elapsed.Load()) }
func (j *jumpy) options() *content.Options { return &content.Options{Now: j.now, Elapsed: j.since} }

// stamp gives the files of uploads the time that the machine's clock shows.
func (j *jumpy) stamp(t *testing.T, dir string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "uploads", "*"))
	must(t, err)
	for _, path := range all {
		must(t, os.Chtimes(path, j.now(), j.now()))
	}
}

// TestClockJumps: the clock is set forwards and backwards while a client pushes.
// What it pushed stays; what is not used goes when its time is over.
func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{years, -years} {
		t.Run(jump.String(), func(t *testing.T) {
			j, dir := newJumpy(), t.TempDir()
			f := newFixture(t, contenttest.Setup{Dir: dir, Content: j.options()})
			ctx := t.Context()
			j.pass(2 * time.Hour)
			before := f.blob("r", "before")
			upload := get(f.StartUpload(ctx, f.reg, "r"))
			j.stamp(t, dir)

			j.set(jump)
			after := f.blob("r", "after")
			fresh := get(f.StartUpload(ctx, f.reg, "r"))
			must(t, first(f.AppendUpload(ctx, fresh, 0, strings.NewReader("x"))))
			if jump < 0 { // of one that another process began, the file's time is all that is known
				must(t, f.blobs.Create(ctx, "ab"))
				must(t, os.Chtimes(filepath.Join(dir, "uploads", "ab"), j.now(), j.now()))
			}
			j.pass(content.BlobGrace/2 - time.Minute)
			if c := get(f.Collect(ctx)); c != (content.Collected{}) {
				t.Errorf("collected %+v", c)
			}
			for _, d := range []string{before, after} {
				must(t, first(f.Blob(ctx, f.reg, "r", d)))
			}
			for _, id := range []string{upload, fresh} {
				must(t, first(f.UploadSize(ctx, id)))
			}
			if jump < 0 {
				must(t, f.blobs.Abort(ctx, "ab"))
			}
			j.set(0)
			if c := get(f.Collect(ctx)); c != (content.Collected{}) {
				t.Errorf("collected %+v when the clock was set right", c)
			}
			j.pass(2 * content.BlobGrace)
			if c := get(f.Collect(ctx)); c.Blobs != 2 || c.Contents != 2 || c.Uploads != 2 {
				t.Errorf("collected %+v at the end", c)
			}
		})
	}
}

// TestClockJumpsBetweenRuns: a store that is opened by another clock than it was
// closed by removes nothing at once, and keeps nothing for ever.
func TestClockJumpsBetweenRuns(t *testing.T) {
	for _, jump := range []time.Duration{years, -years} {
		t.Run(jump.String(), func(t *testing.T) {
			j, dir := newJumpy(), t.TempDir()
			ctx := t.Context()
			f := newFixture(t, contenttest.Setup{Dir: dir, Content: j.options()})
			config := `{"architecture":"amd64","os":"linux"}`
			f.blob("r", config)
			f.blob("r", "layer")
			left := f.blob("r", "left")
			f.close()

			j.set(jump)
			f = newFixture(t, contenttest.Setup{Dir: dir, Content: j.options()})
			j.pass(time.Hour - time.Minute)
			if c := get(f.Collect(ctx)); c != (content.Collected{}) {
				t.Errorf("collected %+v", c)
			}
			f.put("r", "v1", manifestType, imageJSON(config, "layer")) // the client goes on
			must(t, first(f.Blob(ctx, f.reg, "r", left)))
			j.pass(2 * content.BlobGrace)
			if c := get(f.Collect(ctx)); c.Blobs != 1 || c.Contents != 1 {
				t.Errorf("collected %+v at the end", c)
			}
		})
	}
}

// TestClockJumpsWhilePushing sets the clock all the time while collections run and
// images are pushed. No push misses a blob that it has brought.
func TestClockJumpsWhilePushing(t *testing.T) {
	j := newJumpy()
	f := newFixture(t, contenttest.Setup{Content: j.options()})
	j.pass(2 * time.Hour) // collections take away what is old
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		random := rand.New(rand.NewPCG(1, 2))
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			j.set(time.Duration(random.Int64N(int64(2*years))) - years)
			if c, err := f.Collect(t.Context()); err != nil || c != (content.Collected{}) {
				stopped <- fmt.Errorf("collected %+v, %w", c, err)
				return
			}
		}
	}()
	for i := range 200 {
		f.image("r", "v1", fmt.Sprint("layer ", i))
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// createHook is a blob store that calls a function when an upload was created, before
// the caller learns of it.
type createHook struct {
	blob.Store
	created func()
}

func (h createHook) Create(ctx context.Context, id string) error {
	err := h.Store.Create(ctx, id)
	h.created()
	return err
}

// TestClockJumpsAtStart: a collection that finds an upload as it begins leaves it,
// though its file has the time of a clock that was set since.
func TestClockJumpsAtStart(t *testing.T) {
	j := newJumpy()
	f := newFixture(t, contenttest.Setup{Content: j.options()})
	ctx := t.Context()
	var store *content.Store
	blobs := createHook{blob.NewMemory(&blob.MemoryOptions{Now: j.now}), func() {
		j.set(0)
		if c := get(store.Collect(ctx)); c != (content.Collected{}) {
			t.Errorf("collected %+v", c)
		}
	}}
	store = get(content.Open(ctx, f.db, blobs, j.options()))
	j.set(-years)
	id := get(store.StartUpload(ctx, f.reg, "r"))
	must(t, first(store.AppendUpload(ctx, id, 0, strings.NewReader("x"))))
}

// TestOwnClock: without a clock of its own the store follows the machine's, by the
// time that goes on.
func TestOwnClock(t *testing.T) {
	before := time.Now()
	f := newFixture(t, contenttest.Setup{})
	if now := f.Now(); now.Before(before.Add(-time.Second)) || now.After(time.Now().Add(time.Second)) {
		t.Errorf("%v, the machine's clock says %v", now, before)
	}
	if now := f.Now(); !strings.Contains(now.String(), " m=") {
		t.Error("the clock has no reading of the clock that is never set")
	}
}
