// Package contenttest opens stores of content for tests.
package contenttest

import (
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Setup are the options of [Open]. The zero value is a store in memory.
type Setup struct {
	Dir     string           // "" = in memory
	FS      blob.FS          // of the blobs in Dir; nil = the operating system's
	Pages   int              // the most that the database may have; 0 = no limit
	Now     func() time.Time // of the database; nil = time.Now
	Content *content.Options // may be nil
}

// Opened is a store with one registry.
type Opened struct {
	Store    *content.Store
	DB       *db.DB
	Blobs    blob.Store
	Registry int64
	Close    func() // closes the database; the test's end does so too
}

// Open opens a store for as long as the test takes.
func Open(t testing.TB, s Setup) Opened {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	d, err := db.Open(ctx, s.Dir, &db.Options{Migrations: content.Migrations(), Now: s.Now, MaxPages: s.Pages})
	must(err)
	closeOnce := sync.OnceFunc(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(closeOnce)
	memory := &blob.MemoryOptions{}
	if s.Content != nil {
		memory.Now = s.Content.Now
	}
	var blobs blob.Store = blob.NewMemory(memory)
	if s.Dir != "" {
		blobs, err = blob.OpenDisk(s.Dir, s.FS)
		must(err)
	}
	store, err := content.Open(ctx, d, blobs, s.Content)
	must(err)
	id, err := store.CreateRegistry(ctx, "myregistry")
	must(err)
	return Opened{store, d, blobs, id, closeOnce}
}

// Ticking returns a clock that goes on by step each time it is asked.
func Ticking(start time.Time, step time.Duration) func() time.Time {
	var mu sync.Mutex
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		start = start.Add(step)
		return start
	}
}
