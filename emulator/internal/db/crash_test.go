package db_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// files reads the database and its write-ahead log as they are between two
// commits: the writer is held meanwhile.
func files(t *testing.T, d *db.DB, dir string) (base, log string, content map[string][]byte) {
	t.Helper()
	content = map[string][]byte{}
	if err := d.Write(t.Context(), func(*db.Tx) error {
		all, err := os.ReadDir(dir)
		for _, e := range all {
			if err == nil && !strings.HasSuffix(e.Name(), "-shm") { // memory of running processes
				content[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name := range content {
		if strings.HasSuffix(name, "-wal") {
			return strings.TrimSuffix(name, "-wal"), name, content
		}
	}
	t.Fatalf("no write-ahead log among %d files", len(content))
	return
}

// TestPowerCut opens what a power cut may leave: the files as they were when the
// last commit was acknowledged, and of the log's later part, which was not synced
// then, any number of bytes, whole or damaged. Each commit that was acknowledged
// is there, of each later one all or nothing, and the file is sound. The mark is
// that of the last commit that was acknowledged, or older.
//
// That SQLite syncs the log before a commit is acknowledged cannot be seen in the
// files; TestEveryConnectionHasItsPragmasAndTables holds the setting that makes it.
func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, nil)
	if err := d.Establish(t.Context()); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 12
	commits, cuts, checkpoints := 0, 0, 0
	commit := func() {
		t.Helper()
		commits++
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			r, err := tx.Exec("INSERT INTO parents (name) VALUES (?)", fmt.Sprint(commits))
			if err != nil {
				return err
			}
			id, err := r.LastInsertId()
			if err != nil {
				return err
			}
			_, err = tx.Exec("INSERT INTO children (parent,data) VALUES (?,?)", id,
				bytes.Repeat([]byte{byte(commits)}, 1+random.IntN(20_000)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range rounds {
		for range 1 + random.IntN(60) {
			commit()
		}
		base, log, then := files(t, d, dir)
		acknowledged := commits
		for range 1 + random.IntN(3) {
			commit()
		}
		_, _, now := files(t, d, dir)
		tail := now[log]
		if len(tail) < len(then[log]) || !bytes.Equal(tail[:len(then[log])], then[log]) {
			checkpoints++ // the log was restarted meanwhile: its earlier content is in the file
			tail = then[log]
		}
		synced := len(then[log])
		for i := range 6 {
			end := synced
			if i > 0 {
				end += random.IntN(len(tail) - synced + 1)
			}
			left := bytes.Clone(tail[:end])
			if i > 3 && end > synced { // a sector that holds something else
				left[synced+random.IntN(end-synced)] ^= 0xff
			}
			where := t.TempDir()
			for name, b := range map[string][]byte{base: then[base], log: left, "mark": then["mark"]} {
				if err := os.WriteFile(filepath.Join(where, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			copied, err := db.Open(t.Context(), where, &db.Options{Migrations: schema})
			if err != nil {
				t.Fatalf("open what is left at %d of %d bytes: %v", end, len(tail), err)
			}
			cuts++
			if err := copied.Read(t.Context(), func(tx *db.Tx) error {
				var sound string
				var parents, last, children int
				if err := tx.QueryRow("PRAGMA integrity_check", nil, &sound); err != nil {
					return err
				}
				if err := tx.QueryRow(
					"SELECT count(*), max(CAST(name AS INTEGER)), (SELECT count(*) FROM children) FROM parents", nil,
					&parents, &last, &children); err != nil {
					return err
				}
				if sound != "ok" || parents < acknowledged || parents > commits || last != parents ||
					children != parents {
					t.Errorf("%s: %d commits up to %d with %d rows of theirs, acknowledged were %d of %d", sound,
						parents, last, children, acknowledged, commits)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if err := copied.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if cuts < 6*rounds || checkpoints == rounds {
		t.Errorf("%d cuts, %d of %d rounds met a checkpoint", cuts, checkpoints, rounds)
	}
}
