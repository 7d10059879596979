package db_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

func TestRow(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO parents (id,name) VALUES (7,'a'),(8,NULL)")
			if err == nil {
				_, err = tx.Exec("INSERT INTO children (parent,data) VALUES (7,x'0102')")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		const query = "SELECT p.id,p.name,c.data,NULL FROM parents p LEFT JOIN children c ON c.parent=p.id WHERE p.id=?"
		type result struct {
			ID   int64
			Name string
			Data []byte
			Null sql.NullInt64
		}
		look := func(id int) (r result, err error) {
			err = d.Row(t.Context(), query, []any{id}, &r.ID, &r.Name, &r.Data, &r.Null)
			return r, err
		}
		got, err := look(7)
		if diff := cmp.Diff(result{7, "a", []byte{1, 2}, sql.NullInt64{}}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
		kept := got.Data
		if _, err := look(9); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("no row: %v, want %v", err, sql.ErrNoRows)
		}
		if _, err := look(8); err == nil {
			t.Error("NULL went into a string")
		}
		if err := d.Row(t.Context(), "nonsense", nil); err == nil {
			t.Error("nonsense was run")
		}
		if _, err := look(7); err != nil || string(kept) != "\x01\x02" {
			t.Errorf("%v; an earlier result is %x now", err, kept)
		}
		// A later change is seen at once, and no look-up holds the writer up.
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE parents SET name='b' WHERE id=7")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got, err := look(7); err != nil || got.Name != "b" {
			t.Errorf("%v, name %q, want b", err, got.Name)
		}
	})
}

func TestRow_cannotWrite(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		d := open(t, dir, nil)
		var id int64
		if err := d.Row(t.Context(), "INSERT INTO parents (name) VALUES ('a') RETURNING id", nil, &id); err == nil {
			t.Error("a look-up could write")
		}
		if n := count(t, d); n != 0 {
			t.Errorf("%d rows, want 0", n)
		}
	})
}

func TestRow_waitsForItsTurn(t *testing.T) {
	d := open(t, "", nil)
	hold := make(chan struct{})
	var all, held sync.WaitGroup
	for range 4 { // every connection that reads
		held.Add(1)
		all.Go(func() {
			_ = d.Read(context.Background(), func(*db.Tx) error { held.Done(); <-hold; return nil })
		})
	}
	held.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var n int64
	if err := d.Row(ctx, "SELECT 1", nil, &n); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	close(hold)
	all.Wait()
	if err := d.Row(t.Context(), "SELECT 1", nil, &n); err != nil || n != 1 {
		t.Errorf("%v, %d", err, n)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Row(t.Context(), "SELECT 1", nil, &n); !errors.Is(err, db.ErrClosed) {
		t.Errorf("after Close: %v, want %v", err, db.ErrClosed)
	}
}

func BenchmarkRow(b *testing.B) {
	d, err := db.Open(b.Context(), b.TempDir(), &db.Options{Migrations: schema})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(b.Context(), insert("a")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var id int64
		if err := d.Row(b.Context(), "SELECT id FROM parents WHERE name=?", []any{"a"}, &id); err != nil {
			b.Fatal(err)
		}
	}
}
