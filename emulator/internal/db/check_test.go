package db_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

const file = "registry.db"

func namesOf(t *testing.T, d *db.DB) (names []string, err error) {
	t.Helper()
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.Query("SELECT name FROM parents ORDER BY id", nil, func(scan func(...any) error) error {
			var s string
			err := scan(&s)
			names = append(names, s)
			return err
		})
	})
	return names, err
}

// TestDamagedFile flips one bit of the file, at 400 places, and cuts it. It is
// opened with all that was written, or refused as damaged; never read wrong.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := d.Write(t.Context(), func(tx *db.Tx) error {
		for i := range 2000 {
			name := fmt.Sprintf("name-%05d", i)
			want = append(want, name)
			if err := insert(name)(tx); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if problems, err := d.Check(t.Context()); len(problems) > 0 || err != nil {
		t.Errorf("a sound database has %q, %v", problems, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	try := func(what string, b []byte) {
		where := t.TempDir()
		if err := os.WriteFile(filepath.Join(where, file), b, 0o600); err != nil {
			t.Fatal(err)
		}
		// Without the mark, which would find each of them by the file's checksum.
		d, err := db.Open(t.Context(), where, &db.Options{Migrations: schema, Recover: true})
		if err != nil {
			refused++
			_, incomplete := errors.AsType[*db.Incomplete](err)
			// A changed name of a migration looks like a later version's.
			if _, later := errors.AsType[*db.Later](err); !incomplete && !later {
				t.Errorf("%s: refused with %v", what, err)
			}
			return
		}
		if d.Origin() == db.New { // nothing of it can be read: it was set aside
			refused++
			if err := d.Close(); err != nil {
				t.Errorf("%s: close: %v", what, err)
			}
			return
		}
		got, err := namesOf(t, d)
		if err == nil && !slices.Equal(got, want) { // an error is no wrong answer
			t.Errorf("%s: %d names that are not those written", what, len(got))
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}
	// The integrity check passes a schema whose columns have other names.
	for _, column := range []string{"name TEXT PRIMARY KEY", "sum TEXT", "database TEXT", "count INTEGER"} {
		b := bytes.Clone(good)
		i := bytes.Index(b, []byte(column))
		b[i+1] ^= 1
		try("another name for "+column, b)
	}
	schemaAt := bytes.Index(good, []byte("CREATE ")) // to the end of the first page
	for i := range 400 {
		at, bit := random.IntN(len(good)), random.IntN(8)
		switch {
		case i < 100:
			at = i // the header
		case i < 200:
			at = schemaAt + random.IntN(4096-schemaAt)
		}
		b := slices.Clone(good)
		b[at] ^= 1 << bit
		try(fmt.Sprintf("bit %d of byte %d", bit, at), b)
	}
	for _, size := range []int{1, 99, 100, 4095, 4096, len(good) / 2, len(good) - 4096, len(good) - 1} {
		try(fmt.Sprintf("%d bytes of %d", size, len(good)), good[:size])
	}
	if refused < 100 {
		t.Errorf("%d of 400 were refused", refused)
	}
}

// TestLargeFileIsCheckedForItsStructure: the indexes of a file above the limit are
// not compared with their tables, those of one below are.
func TestLargeFileIsCheckedForItsStructure(t *testing.T) {
	for _, large := range []bool{false, true} {
		dir := t.TempDir()
		d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
		if err != nil {
			t.Fatal(err)
		}
		size := db.WholeCheck - 1<<20
		if large {
			size = db.WholeCheck
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := insert("a-name-that-an-index-holds-as-well")(tx); err != nil {
				return err
			}
			_, err := tx.Exec("INSERT INTO children (parent,data) VALUES (1,zeroblob(?))", size)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndex(b, []byte("a-name"))
		b[at] = 'b' // in the table or in the index, not in both
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err = db.Open(t.Context(), dir, &db.Options{Migrations: schema})
		if errors.Is(err, db.ErrDamaged) == large {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		if err != nil {
			continue
		}
		if problems, err := d.Check(t.Context()); len(problems) == 0 || err != nil {
			t.Errorf("the check found %q, %v", problems, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedLater: a page that is damaged while the database is open is an error
// where it is read.
func TestDamagedLater(t *testing.T) {
	dir := t.TempDir()
	fill := func(d *db.DB) error {
		return d.Write(t.Context(), func(tx *db.Tx) error {
			if err := insert("a")(tx); err != nil {
				return err
			}
			_, err := tx.Exec("INSERT INTO children (parent,data) VALUES (1,zeroblob(1000000))")
			return err
		})
	}
	d, err := db.Open(t.Context(), dir, &db.Options{Migrations: schema})
	if err == nil {
		err = errors.Join(fill(d), d.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	d = open(t, dir, nil)
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) - 900_000; i < len(b); i++ {
		b[i] = 0x55
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var data []byte
	if err := d.Row(t.Context(), "SELECT data FROM children WHERE parent=1", nil, &data); !errors.Is(err,
		db.ErrDamaged) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
