package snapshot_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/snapshot"
)

func open(t *testing.T, dir string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), dir, &db.Options{Migrations: append(content.Migrations(), snapshot.Migrations()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) error {
	t.Helper()
	return d.Write(t.Context(), fn)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
	must(t, write(t, d, func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	}))
}

// state is what a test compares: counts that triggers keep, rows, triggers.
func state(t *testing.T, d *db.DB) (out []string) {
	t.Helper()
	must(t, d.Read(t.Context(), func(tx *db.Tx) error {
		for _, q := range []string{
			"SELECT 'repo '||id||' '||name||' '||manifest_count||' '||tag_count FROM repositories ORDER BY id",
			"SELECT 'manifest '||id||' '||digest FROM manifests ORDER BY id",
			"SELECT 'tag '||name||' '||manifest FROM tags ORDER BY name",
			"SELECT 'blob '||repository||' '||digest FROM repository_blobs ORDER BY 1",
			"SELECT 'trigger '||name FROM sqlite_schema WHERE type='trigger' ORDER BY name",
		} {
			err := tx.Query(q, nil, func(scan func(...any) error) error {
				var s string
				err := scan(&s)
				out = append(out, s)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return out
}

func fill(t *testing.T, d *db.DB) {
	run(t, d, "INSERT INTO registries VALUES (1,'r',0)",
		"INSERT INTO repositories (id,registry,name,visible,created_at,updated_at) VALUES (1,1,'a',1,0,0)",
		"INSERT INTO manifests "+
			"(id,repository,digest,media_type,size,image_size,config_media_type,architecture,os,artifact_type,"+
			"annotations,created_at,updated_at) VALUES (1,1,'d1','',0,0,'','','','','',0,0),"+
			"(2,1,'d2','',0,0,'','','','','',0,0)",
		"INSERT INTO tags (repository,name,manifest,created_at,updated_at) VALUES "+
			"(1,'v1',1,0,0),(1,'v2',2,0,0),(1,'gone',2,0,0)",
		"INSERT INTO repository_blobs (repository,digest,size,created_at) VALUES (1,'b1',0,0)",
		"DELETE FROM tags WHERE name='gone'")
}

func TestRestore(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			d := open(t, dir)
			fill(t, d)
			before := state(t, d)
			var info snapshot.Info
			must(t, write(t, d, func(tx *db.Tx) (err error) { info, err = snapshot.Take(tx, "one"); return err }))
			if info.Repositories != 1 || info.Manifests != 2 || info.Tags != 2 || info.Blobs != 1 {
				t.Errorf("%+v", info)
			}
			run(t, d, "DELETE FROM repositories", "INSERT INTO registries VALUES (2,'other',0)",
				"INSERT INTO repositories (registry,name,visible,created_at,updated_at) VALUES (2,'b',1,0,0)")
			for range 2 { // it stays, and can be gone back to again
				must(t, write(t, d, func(tx *db.Tx) error { return snapshot.Restore(tx, "one") }))
				if diff := cmp.Diff(before, state(t, d)); diff != "" {
					t.Error(diff)
				}
				run(t, d, "DELETE FROM tags WHERE name='v1'")
			}
			// The triggers work again.
			n := 0
			must(t, d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow("SELECT tag_count FROM repositories WHERE id=1", nil, &n)
			}))
			if n != 1 {
				t.Errorf("%d tags counted, want 1", n)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	d := open(t, "")
	fill(t, d)
	holds := func() (held bool) {
		must(t, d.Read(t.Context(), func(tx *db.Tx) (err error) { held, err = snapshot.Holds(tx, "b1"); return err }))
		return held
	}
	if holds() {
		t.Error("held before a snapshot")
	}
	for _, name := range []string{"one", "two"} {
		must(t, write(t, d, func(tx *db.Tx) error { _, err := snapshot.Take(tx, name); return err }))
	}
	run(t, d, "DELETE FROM repository_blobs")
	for _, name := range []string{"one", "two"} {
		if !holds() {
			t.Errorf("not held before %s is deleted", name)
		}
		must(t, write(t, d, func(tx *db.Tx) error { return snapshot.Delete(tx, name) }))
	}
	if holds() {
		t.Error("held after all snapshots are gone")
	}
	left := 0
	must(t, d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow("SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE 'snapshot\\_%\\_tags' ESCAPE '\\'", nil,
			&left)
	}))
	if left != 0 {
		t.Error("the copies' tables are left")
	}
}

// TestRestoreAndCollect: what a snapshot brings back is not taken away as if its
// idle time had gone on, and its content is there each time.
func TestRestoreAndCollect(t *testing.T) {
	d := open(t, "")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := content.Open(t.Context(), d, blob.NewMemory(nil), &content.Options{Now: func() time.Time {
		return now
	}, Held: snapshot.Holds})
	must(t, err)
	reg, err := s.CreateRegistry(t.Context(), "r")
	must(t, err)
	const text, digest = "x", "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	must(t, s.PutBlob(t.Context(), reg, "a", digest, strings.NewReader(text)))
	must(t, write(t, d, func(tx *db.Tx) error { _, err := snapshot.Take(tx, "one"); return err }))
	collect := func() content.Collected {
		t.Helper()
		c, err := s.Collect(t.Context())
		must(t, err)
		return c
	}
	for range 2 {
		now = now.Add(content.BlobGrace + time.Minute)
		if diff := cmp.Diff(content.Collected{Blobs: 1}, collect()); diff != "" {
			t.Errorf("idle for too long: %s", diff)
		}
		must(t, write(t, d, func(tx *db.Tx) error {
			if err := snapshot.Restore(tx, "one"); err != nil {
				return err
			}
			return s.Restored(tx)
		}))
		now = now.Add(content.BlobGrace - time.Minute)
		if diff := cmp.Diff(content.Collected{}, collect()); diff != "" {
			t.Errorf("restored: %s", diff)
		}
		r, err := s.OpenBlob(t.Context(), reg, "a", digest)
		must(t, err)
		must(t, r.Close())
	}
}

func TestNames(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	take := func(name string) error {
		return write(t, d, func(tx *db.Tx) error { _, err := snapshot.Take(tx, name); return err })
	}
	const most = 20 // snapshot.Max: a number of its own, so that a change of that fails
	for i := range most {
		must(t, take(fmt.Sprint(i)))
	}
	if err := take("0"); !errors.Is(err, snapshot.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	if err := take("more"); !errors.Is(err, snapshot.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	for _, fn := range []func(*db.Tx, string) error{snapshot.Restore, snapshot.Delete} {
		if err := write(t, d, func(tx *db.Tx) error { return fn(tx, "none") }); !errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("none: %v", err)
		}
	}
	// A later version has another column: what was taken cannot be gone back to,
	// and another one can be taken and gone back to.
	must(t, write(t, d, func(tx *db.Tx) error { return snapshot.Delete(tx, "0") }))
	run(t, d, "ALTER TABLE tags ADD COLUMN later INTEGER")
	if err := write(t, d, func(tx *db.Tx) error {
		return snapshot.Restore(tx, "1")
	}); !errors.Is(err, snapshot.ErrShape) {
		t.Errorf("another shape: %v", err)
	}
	must(t, take("later"))
	must(t, write(t, d, func(tx *db.Tx) error { return snapshot.Restore(tx, "later") }))
	must(t, d.Close())
	d = open(t, dir)
	var all []snapshot.Info
	must(t, d.Read(t.Context(), func(tx *db.Tx) (err error) { all, err = snapshot.List(tx); return err }))
	if len(all) != most || all[0].Name != "1" || all[len(all)-1].Name != "later" ||
		time.Since(all[0].Created) > time.Hour {
		t.Errorf("%+v", all)
	}
}
