package db_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// killed returns the files that kill -9 leaves after some acknowledged commits.
func killed(t *testing.T, commits int) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	d := open(t, dir, nil)
	if err := d.Establish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range commits {
		if err := d.Write(t.Context(), insert(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	_, _, content := files(t, d, dir)
	return content
}

func put(t *testing.T, content map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range content {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// wantUnchanged checks that a refusal left every byte where it was.
func wantUnchanged(t *testing.T, dir string, content map[string][]byte) {
	t.Helper()
	for name, want := range content {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s was changed: %d bytes, were %d, %v", name, len(got), len(want), err)
		}
	}
}

// TestMark opens what is left when something is lost: where a commit that was
// acknowledged is missing, that is said, nothing is changed, and Recover goes on
// with what there is.
func TestMark(t *testing.T) {
	const commits = 20
	whole := killed(t, commits)
	other := killed(t, commits)
	older := killed(t, 0)
	// A database of the earlier schema, which has no mark.
	earlier := func() map[string][]byte {
		dir := t.TempDir()
		d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec("INSERT INTO parents (name) VALUES ('0')"); err != nil {
				return err
			}
			_, err := tx.Exec("DELETE FROM migrations WHERE name='db-0001'")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "registry.db"))
		if err != nil {
			t.Fatal(err)
		}
		return map[string][]byte{"registry.db": dropTable(t, data)}
	}()
	without := func(names ...string) map[string][]byte {
		out := maps.Clone(whole)
		for _, n := range names {
			delete(out, n)
		}
		return out
	}
	with := func(name string, data []byte) map[string][]byte {
		out := maps.Clone(whole)
		out[name] = data
		return out
	}
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	log := whole["registry.db-wal"]
	for name, tc := range map[string]struct {
		files  map[string][]byte
		held   string
		want   string // in the refusal; "" = opened
		origin db.Origin
		rows   int // after opening or recovering; -1 = any
	}{
		"whole":       {files: whole, rows: commits},
		"mark_behind": {files: with("mark", markOf(t, whole["mark"], -3)), rows: commits},
		"mark_ahead": {files: with("mark", markOf(t, whole["mark"], +1)), want: "1 commits are missing",
			rows: commits},
		"no_log":    {files: without("registry.db-wal"), want: "commits are missing", rows: -1},
		"empty_log": {files: with("registry.db-wal", nil), want: "commits are missing", rows: -1},
		"short_log": {files: with("registry.db-wal", log[:len(log)-1]),
			want: "1 commits are missing", rows: commits - 1},
		"half_log": {files: with("registry.db-wal", log[:len(log)/2]), want: "commits are missing", rows: -1},
		"flipped_log": {files: with("registry.db-wal", flip(log, len(log)-100)),
			want: "1 commits are missing", rows: commits - 1},
		"no_database": {files: without("registry.db"),
			want: "registry.db is missing or empty, and mark shows", rows: 0},
		"empty_database":   {files: with("registry.db", nil), want: "registry.db is missing or empty", rows: 0},
		"nothing_but_log":  {files: without("registry.db", "mark"), want: "and registry.db-wal shows", rows: 0},
		"nothing":          {files: nil, origin: db.New, rows: 0},
		"nothing_but_keys": {files: nil, held: "keys.json", want: "and keys.json shows", rows: 0},
		"no_mark": {files: without("mark"),
			want: "mark, which says what registry.db must hold, is missing", rows: commits},
		"empty_mark":   {files: with("mark", nil), want: "is damaged", rows: commits},
		"short_mark":   {files: with("mark", whole["mark"][:10]), want: "is damaged", rows: commits},
		"flipped_mark": {files: with("mark", flip(whole["mark"], 45)), want: "is damaged", rows: commits},
		"other_database": {files: with("mark", other["mark"]),
			want: "is not the database that the folder held", rows: commits},
		"restored_database": {files: map[string][]byte{"registry.db": older["registry.db"],
			"registry.db-wal": older["registry.db-wal"], "mark": markOf(t, older["mark"], 5)},
			want: "5 commits are missing", rows: 0},
		"earlier_version": {files: earlier, origin: db.Adopted, rows: 1},
		"no_database_file": {files: map[string][]byte{"registry.db": bytes.Repeat([]byte("no database "), 1000),
			"mark": whole["mark"]}, want: "registry.db: the database is damaged", rows: -2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, tc.files)
			d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema, Held: tc.held})
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if d.Origin() != tc.origin {
					t.Errorf("origin %d, want %d", d.Origin(), tc.origin)
				}
			} else {
				inc, ok := errors.AsType[*db.Incomplete](err)
				if !ok || !strings.Contains(inc.Error(), tc.want) {
					if err == nil {
						t.Error(d.Close())
					}
					t.Fatalf("got %v", err)
				}
				wantUnchanged(t, dir, tc.files)
				d, err = db.Open(t.Context(), dir, &db.Options{Migrations: schema, Held: tc.held, Recover: true})
				if tc.rows == -2 {
					if _, ok := errors.AsType[*db.Incomplete](err); !ok {
						t.Fatalf("recovered: %v", err)
					}
					wantUnchanged(t, dir, tc.files)
					if err := db.SetAside(dir); err != nil {
						t.Fatal(err)
					}
					d, err = db.Open(t.Context(), dir, &db.Options{Migrations: schema, Held: tc.held, Recover: true})
					tc.rows = 0
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if n := count(t, d); tc.rows >= 0 && n != tc.rows || n > commits {
				t.Errorf("%d rows, want %d", n, tc.rows)
			}
			if err := d.Establish(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.Write(t.Context(), insert("later")); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d = open(t, dir, nil) // is whole now
			if d.Origin() != db.Known {
				t.Errorf("opened again, the origin is %d", d.Origin())
			}
		})
	}
}

// TestMark_log_cut cuts the log or flips a bit of it at random: what opens has
// every commit, and what is refused is left as it is.
func TestMark_log_cut(t *testing.T) {
	const commits = 12
	whole := killed(t, commits)
	log := whole["registry.db-wal"]
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for i := range 60 {
		left := bytes.Clone(log)
		if i%2 == 0 {
			left = left[:random.IntN(len(left))]
		} else {
			left[random.IntN(len(left))] ^= 1 << random.IntN(8)
		}
		content := maps.Clone(whole)
		content["registry.db-wal"] = left
		dir := put(t, content)
		d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
		if err != nil {
			if _, ok := errors.AsType[*db.Incomplete](err); !ok {
				t.Errorf("case %d: %v", i, err)
			}
			refused++
			wantUnchanged(t, dir, content)
			continue
		}
		if n := count(t, d); n != commits {
			t.Errorf("case %d: %d rows of %d", i, n, commits)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused < 30 {
		t.Errorf("%d of 60 were refused", refused)
	}
}

// TestMark_closed: of a database that was closed, every flipped bit is found, and
// none is while it is open.
func TestMark_closed(t *testing.T) {
	dir := t.TempDir()
	d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{func() error {
		return d.Establish(t.Context())
	}, func() error { return d.Write(t.Context(), insert("a")) }, d.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	closed := map[string][]byte{}
	for _, name := range []string{"registry.db", "mark"} {
		if closed[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 30 {
		content := maps.Clone(closed)
		content["registry.db"] = bytes.Clone(closed["registry.db"])
		at, bit := random.IntN(len(content["registry.db"])), random.IntN(8)
		content["registry.db"][at] ^= 1 << bit
		dir := put(t, content)
		_, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
		if _, ok := errors.AsType[*db.Incomplete](err); !ok {
			t.Errorf("bit %d of byte %d: %v", bit, at, err)
		}
		wantUnchanged(t, dir, content)
	}
	dir = put(t, closed)
	d = open(t, dir, nil)
	// The sum is gone with the opening, before anything is acknowledged.
	_, _, content := files(t, d, dir)
	if !bytes.Contains(content["mark"], []byte(" -------- ")) || bytes.Contains(closed["mark"], []byte(" -------- ")) {
		t.Errorf("mark %q, closed %q", content["mark"], closed["mark"])
	}
	if err := d.Write(t.Context(), insert("b")); err != nil {
		t.Fatal(err)
	}
	_, _, content = files(t, d, dir)
	if n := count(t, open(t, put(t, content), nil)); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// TestMark_first_start: what a start leaves behind that was cut short before
// anything was acknowledged is a new folder.
func TestMark_first_start(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, nil)
	if err := d.Write(t.Context(), insert("a")); err != nil {
		t.Fatal(err)
	}
	if d.Origin() != db.New {
		t.Errorf("origin %d", d.Origin())
	}
	_, _, content := files(t, d, dir)
	for _, missing := range []string{"", "registry.db"} {
		left := maps.Clone(content)
		if missing != "" {
			delete(left, missing)
			delete(left, missing+"-wal")
		}
		dir := put(t, left)
		if isNew, known, err := db.IsNew(dir); err != nil || !known || !isNew {
			t.Errorf("without %q: %v %v %v", missing, isNew, known, err)
		}
		d := open(t, dir, &db.Options{Migrations: schema, Held: "keys.json"})
		if d.Origin() != db.New {
			t.Errorf("without %q: origin %d", missing, d.Origin())
		}
		if err := d.Establish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if isNew, known, err := db.IsNew(dir); err != nil || !known || isNew {
			t.Errorf("without %q, established: %v %v %v", missing, isNew, known, err)
		}
	}
	if _, known, err := db.IsNew(t.TempDir()); known || err != nil {
		t.Errorf("no mark: %v %v", known, err)
	}
}

// TestMark_recovery_cut_short: the folder is not new then.
func TestMark_recovery_cut_short(t *testing.T) {
	dir := put(t, map[string][]byte{"mark": killed(t, 1)["mark"]})
	d := open(t, dir, &db.Options{Migrations: schema, Recover: true})
	if d.Origin() != db.New {
		t.Errorf("origin %d", d.Origin())
	}
	if isNew, known, err := db.IsNew(dir); isNew || known || err != nil {
		t.Errorf("%v %v %v", isNew, known, err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	aside, err := filepath.Glob(filepath.Join(dir, "aside-*"))
	must(err)
	for _, a := range aside { // files reads files
		must(os.RemoveAll(a))
	}
	_, _, content := files(t, d, dir)
	// with its tables, and before
	for _, left := range []map[string][]byte{content, {"registry.db": content["registry.db"]}} {
		dir := put(t, left)
		_, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema, Held: "keys.json"})
		if _, ok := errors.AsType[*db.Incomplete](err); !ok {
			t.Errorf("got %v", err)
		}
	}
}

func markOf(t *testing.T, data []byte, more int) []byte {
	t.Helper()
	out, ok := db.MarkWith(data, more)
	if !ok {
		t.Fatal("no mark")
	}
	return out
}

// dropTable takes the table that a database of an earlier version has not out of
// one.
func dropTable(t *testing.T, data []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	pool, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), "DROP TABLE commits"); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
