package db_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// holdAll makes every connection that reads begin a snapshot.
func holdAll(t *testing.T, d *db.DB) {
	t.Helper()
	var all, arrived sync.WaitGroup
	leave := make(chan struct{})
	for range 4 {
		arrived.Add(1)
		all.Go(func() {
			if err := d.Read(t.Context(), func(tx *db.Tx) error {
				var n int
				err := tx.QueryRow("SELECT count(*) FROM parents", nil, &n)
				arrived.Done()
				<-leave
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	arrived.Wait()
	close(leave)
	all.Wait()
}

func TestSnapshotsDoNotHoldTheLogUp(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, nil)
	if err := d.Write(t.Context(), insert("a")); err != nil {
		t.Fatal(err)
	}
	holdAll(t, d)
	const each, writes = 200_000, 200
	for range writes {
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE parents SET name=hex(zeroblob(?)) WHERE id=1", each/2)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	// SQLite begins the log again after 4 MB, if it may; without a refresh it
	// would hold all writes.
	info, err := os.Stat(filepath.Join(dir, "registry.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(each * writes / 2); info.Size() > most {
		t.Errorf("the log has %d bytes after writing %d, more than %d", info.Size(), each*writes, most)
	}
}

// TestReadsNeverGoBack asks with many readers for a number that only grows:
// none may see less than was acknowledged, or than another has seen.
func TestReadsNeverGoBack(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO parents (id,name) VALUES (1,'0')")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var seen atomic.Int64
		note := func(n int64) {
			for old := seen.Load(); n > old; old = seen.Load() {
				if seen.CompareAndSwap(old, n) {
					return
				}
			}
		}
		var all sync.WaitGroup
		const query = "SELECT CAST(name AS INTEGER) FROM parents WHERE id=1"
		for i := range 6 {
			all.Go(func() {
				for ctx.Err() == nil {
					least := seen.Load()
					var n int64
					var err error
					if i%2 == 0 {
						err = d.Row(context.Background(), query, nil, &n)
					} else {
						err = d.Read(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query, nil, &n) })
					}
					if err != nil {
						t.Error(err)
						return
					}
					if n < least {
						t.Errorf("read %d after %d", n, least)
						return
					}
					note(n)
				}
			})
		}
		for n := range int64(150) {
			if err := d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec("UPDATE parents SET name=? WHERE id=1", n+1)
				return err
			}); err != nil {
				t.Error(err)
				break
			}
			note(n + 1)
		}
		stop()
		all.Wait()
	})
}
