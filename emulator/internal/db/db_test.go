package db_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

var schema = []db.Migration{
	{Name: "parents", SQL: "CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;"},
	{Name: "children",
		SQL: "CREATE TABLE children (parent INTEGER NOT NULL REFERENCES parents(id) ON DELETE CASCADE, data BLOB) " +
			"STRICT; CREATE INDEX c ON children(parent);"},
}

func open(t *testing.T, dir string, opts *db.Options) *db.DB {
	t.Helper()
	if opts == nil {
		opts = &db.Options{Migrations: schema}
	}
	d, err := db.Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// both runs a test on disk and in memory.
func both(t *testing.T, f func(t *testing.T, dir string)) {
	t.Run("memory", func(t *testing.T) { t.Parallel(); f(t, "") })
	t.Run("disk", func(t *testing.T) { t.Parallel(); f(t, t.TempDir()) })
}

func insert(name string) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO parents (name) VALUES (?)", name)
		return err
	}
}

func count(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	if err := d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM parents", nil, &n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEveryConnectionHasItsPragmasAndTables(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		check := func(tx *db.Tx) error {
			for pragma, want := range map[string]int{"foreign_keys": 1, "busy_timeout": 5000, "synchronous": 2} {
				var got int
				if err := tx.QueryRow("PRAGMA "+pragma, nil, &got); err != nil {
					return err
				}
				if got != want {
					t.Errorf("%s = %d, want %d", pragma, got, want)
				}
			}
			var n int
			return tx.QueryRow("SELECT count(*) FROM parents", nil, &n)
		}
		// All readers at once, so that each is another connection.
		var all sync.WaitGroup
		arrived := make(chan struct{}, 4)
		leave := make(chan struct{})
		for range 4 {
			all.Go(func() {
				if err := d.Read(t.Context(), func(tx *db.Tx) error {
					err := check(tx)
					arrived <- struct{}{}
					<-leave
					return err
				}); err != nil {
					t.Error(err)
				}
			})
		}
		for range 4 {
			<-arrived
		}
		close(leave)
		all.Wait()
		if err := d.Write(t.Context(), check); err != nil {
			t.Error(err)
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO children (parent) VALUES (99)")
			return err
		})
		if err == nil {
			t.Error("a foreign key was not enforced")
		}
	})
}

func TestReadersCannotWrite(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		if err := d.Read(t.Context(), insert("a")); err == nil {
			t.Error("a reader could write")
		}
		if n := count(t, d); n != 0 {
			t.Errorf("%d rows, want 0", n)
		}
	})
}

func TestWrite(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		boom := errors.New("boom")
		if err := d.Write(t.Context(), insert("kept")); err != nil {
			t.Fatal(err)
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := insert("lost")(tx); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Errorf("error %v, want %v", err, boom)
		}
		func() {
			defer func() {
				if p := recover(); p != "bang" {
					t.Errorf("recovered %v, want bang", p)
				}
			}()
			_ = d.Write(t.Context(), func(tx *db.Tx) error {
				_ = insert("lost")(tx)
				panic("bang")
			})
		}()
		// A function that ends its goroutine, as a test's FailNow does.
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = d.Write(context.Background(), func(tx *db.Tx) error {
				_ = insert("lost")(tx)
				runtime.Goexit()
				return nil
			})
		}()
		<-done
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Write(ctx, insert("lost")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
		if n := count(t, d); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

// TestWritersShareACommit holds the writer while others queue, so that they run
// as one batch in which some fail and one panics.
func TestWritersShareACommit(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		const writers = 300
		hold, held := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_ = d.Write(t.Context(), func(*db.Tx) error { close(held); <-hold; return nil })
		})
		<-held
		var started sync.WaitGroup
		for i := range writers {
			started.Add(1)
			all.Go(func() {
				defer func() {
					if p := recover(); (p != nil) != (i%10 == 4) {
						t.Errorf("writer %d panicked with %v", i, p)
					}
				}()
				started.Done()
				err := d.Write(t.Context(), func(tx *db.Tx) error {
					if err := insert(fmt.Sprint(i))(tx); err != nil {
						return err
					}
					switch i % 10 {
					case 3:
						return errors.New("no")
					case 4:
						panic("bang")
					}
					return nil
				})
				if (err != nil) != (i%10 == 3) {
					t.Errorf("writer %d: %v", i, err)
				}
				// No write is acknowledged before the commit that all of them share.
				committed := int64(0)
				if e := d.Row(t.Context(), "SELECT count(*) FROM parents WHERE name=?", []any{fmt.Sprint(i)},
					&committed); e != nil || committed == 0 && err == nil {
					t.Errorf("write %d was acknowledged, and its row is not there: %v", i, e)
				}
			})
		}
		started.Wait()
		close(hold)
		all.Wait()
		if n := count(t, d); n != writers*8/10 {
			t.Errorf("%d rows, want %d", n, writers*8/10)
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	d := open(t, "", nil)
	hold, held, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = d.Write(context.Background(), func(*db.Tx) error { close(held); <-hold; return nil })
	}()
	<-held
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := d.Write(ctx, insert("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a deadline", err)
	}
	close(hold)
	<-done
	if n := count(t, d); n != 0 {
		t.Errorf("%d rows, want 0", n)
	}
}

func TestOneTimeForEachTransaction(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("x", 3600))
	d := open(t, "", &db.Options{Migrations: schema, Now: func() time.Time { now = now.Add(time.Hour); return now }})
	var first, second time.Time
	_ = d.Write(t.Context(), func(tx *db.Tx) error { first = tx.Now; return nil })
	_ = d.Write(t.Context(), func(tx *db.Tx) error { second = tx.Now; return nil })
	if got := second.Sub(first); got != time.Hour {
		t.Errorf("times differ by %v, want 1h", got)
	}
	if first.Location() != time.UTC || first.Nanosecond() != 123456700 {
		t.Errorf("time %v is not UTC in ticks of 100 ns", first)
	}
}

func TestFull(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, &db.Options{Migrations: schema, MaxPages: 32})
		if err := d.Write(t.Context(), insert("a")); err != nil {
			t.Fatal(err)
		}
		big := func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO children (parent,data) VALUES (1,zeroblob(300000))")
			return err
		}
		if err := d.Write(t.Context(), big); !errors.Is(err, db.ErrFull) {
			t.Errorf("error %v, want %v", err, db.ErrFull)
		}
		// In one batch with others.
		hold, held := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() { _ = d.Write(t.Context(), func(*db.Tx) error { close(held); <-hold; return nil }) })
		<-held
		var mu sync.Mutex
		failed := map[string]error{}
		for i := range 9 {
			all.Go(func() {
				fn := insert(fmt.Sprint(i))
				if i%3 == 0 {
					fn = big
				}
				err := d.Write(t.Context(), fn)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed[fmt.Sprint(i)] = err
				}
			})
		}
		close(hold)
		all.Wait()
		for i, err := range failed {
			if !errors.Is(err, db.ErrFull) {
				t.Errorf("writer %s: %v", i, err)
			}
		}
		want := 1
		for i := range 9 {
			_, bad := failed[fmt.Sprint(i)]
			if i%3 == 0 && !bad {
				t.Errorf("writer %d got no error", i)
			}
			if !bad {
				want++
			}
		}
		if n := count(t, d); n != want {
			t.Errorf("%d rows, want the %d acknowledged", n, want)
		}
		if err := d.Write(t.Context(), insert("afterwards")); err != nil {
			t.Errorf("a small write after a full disk: %v", err)
		}
	})
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20e")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Write(t.Context(), insert("a")); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := first.Write(t.Context(), insert("b")); !errors.Is(err, db.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := first.Read(t.Context(), insert("b")); !errors.Is(err, db.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v; others can read it", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	more := append(schema[:2:2], db.Migration{Name: "more", SQL: "ALTER TABLE parents ADD COLUMN more TEXT"})
	for _, c := range []struct {
		name  string
		steps []db.Migration
		want  string // "" = opens
	}{
		{"same", schema, ""},
		{"changed text", []db.Migration{schema[0], {Name: "children", SQL: "SELECT 1"}}, "another text"},
		{"broken step", append(schema[:2:2],
			db.Migration{Name: "more", SQL: "CREATE TABLE half (a INTEGER); nonsense"}), "nonsense"},
		{"one more", more, ""},
		{"older program", schema, `"more", which this version does not know`},
		{"listed twice", append(more, schema[0]), "twice"},
		{"again", more, ""},
	} {
		d, err := db.Open(t.Context(), dir, &db.Options{Migrations: c.steps})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want …%s…", c.name, err, c.want)
		case err == nil:
			if n := count(t, d); n != 1 {
				t.Errorf("%s: %d rows, want 1", c.name, n)
			}
			if err := d.Close(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

func TestMemoryDatabasesAreApart(t *testing.T) {
	a, b := open(t, "", nil), open(t, "", nil)
	if err := a.Write(t.Context(), insert("a")); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 0 {
		t.Errorf("the other database has %d rows, want 0", n)
	}
}

func TestReadersAndWritersTogether(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				for i := range 50 {
					if err := d.Write(t.Context(), insert(fmt.Sprintf("%d-%d", w, i))); err != nil {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for range 100 {
					err := d.Read(t.Context(), func(tx *db.Tx) error {
						var a, b int
						if err := tx.QueryRow("SELECT count(*) FROM parents", nil, &a); err != nil {
							return err
						}
						runtime.Gosched()
						if err := tx.QueryRow("SELECT count(*) FROM parents", nil, &b); err != nil {
							return err
						}
						if a != b {
							t.Errorf("a snapshot changed from %d to %d", a, b)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := count(t, d); n != 200 {
			t.Errorf("%d rows, want 200", n)
		}
	})
}

func TestCloseWithWaitingWriters(t *testing.T) {
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: schema})
	if err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := d.Write(context.Background(), func(*db.Tx) error { close(held); <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	for range 5 {
		all.Go(func() {
			if err := d.Write(context.Background(), insert("x")); err != nil && !errors.Is(err, db.ErrClosed) &&
				!strings.Contains(err.Error(), "UNIQUE") {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	close(hold)
	all.Wait()
}

// BenchmarkWrite measures a write: alone, with a commit of its own, and of many at
// once, which share commits.
func BenchmarkWrite(b *testing.B) {
	setup := func(b *testing.B) (write func()) {
		d, err := db.Open(b.Context(), b.TempDir(), &db.Options{Migrations: schema})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { d.Close() })
		if err := d.Establish(b.Context()); err != nil {
			b.Fatal(err)
		}
		return func() {
			if err := d.Write(b.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec("INSERT INTO parents (name) VALUES (NULL)")
				return err
			}); err != nil {
				b.Error(err)
			}
		}
	}
	b.Run("alone", func(b *testing.B) {
		write := setup(b)
		for b.Loop() {
			write()
		}
	})
	b.Run("many", func(b *testing.B) {
		write := setup(b)
		b.SetParallelism(16)
		b.ResetTimer()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				write()
			}
		})
	})
}

func BenchmarkRead(b *testing.B) {
	d, err := db.Open(b.Context(), b.TempDir(), &db.Options{Migrations: schema})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(b.Context(), insert("a")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var id int64
		if err := d.Read(b.Context(), func(tx *db.Tx) error {
			return tx.QueryRow("SELECT id FROM parents WHERE name=?", []any{"a"}, &id)
		}); err != nil {
			b.Fatal(err)
		}
	}
}
