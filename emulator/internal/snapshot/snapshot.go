// Package snapshot keeps copies of the emulator's state inside its own database:
// every row of every table, apart from the decision log, and the digests of the
// blobs that the copy refers to. Taking one and going back to one are a single
// transaction each, on disk and in memory alike, and a copy outlives a restart.
//
// Blobs are not copied. [Holds] says which ones copies refer to; code that removes
// unused blobs must ask it.
package snapshot

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Max is how many snapshots there may be: each is as large as the state's
// metadata.
//
//rule:emulator-limits-max
const Max = 20

// The failures of a name.
var (
	ErrExists   = errors.New("there is a snapshot of that name")
	ErrNotExist = errors.New("there is no such snapshot")
	ErrTooMany  = fmt.Errorf("there are %d already", Max)
	ErrShape    = errors.New("another version took it, whose tables differ")
)

// Info describes a snapshot.
type Info struct {
	Name         string
	Created      time.Time
	Repositories int64
	Manifests    int64
	Tags         int64
	Blobs        int64 // different ones
}

// Migrations are this package's own tables. Those that hold the copies are made
// when they are needed, because their columns are those of the tables copied.
func Migrations() []db.Migration {
	return []db.Migration{{Name: "snapshot-0001", SQL: `
CREATE TABLE snapshots (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	created_at INTEGER NOT NULL,
	shape TEXT NOT NULL,
	repositories INTEGER NOT NULL,
	manifests INTEGER NOT NULL,
	tags INTEGER NOT NULL,
	blobs INTEGER NOT NULL
) STRICT;
CREATE TABLE snapshot_blobs (
	digest TEXT NOT NULL,
	snapshot INTEGER NOT NULL,
	PRIMARY KEY (digest, snapshot)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_blobs_by_snapshot ON snapshot_blobs (snapshot);
`}}
}

// table is a table of the state.
type table struct {
	name    string
	columns string // quoted, separated by commas
}

// copyOf is the table that holds its rows in snapshots. The shape is in the name
// because a later version's table may have other columns.
func (t table) copyOf(shape string) string { return quote("snapshot_" + shape + "_" + t.name) }

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// tables returns the state's tables, and a word for their names and columns.
func tables(tx *db.Tx) (all []table, shape string, err error) {
	err = tx.Query(`SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type='table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.name NOT LIKE 'snapshot%' AND m.name NOT IN ('migrations','decisions','commits')
		ORDER BY m.name, c.cid`, nil, func(scan func(...any) error) error {
		var name, column string
		if err := scan(&name, &column); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, table{name: name, columns: quote(column)})
		} else {
			all[len(all)-1].columns += "," + quote(column)
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list the tables: %w", err)
	}
	sum := sha256.New()
	for _, t := range all {
		fmt.Fprintf(sum, "%s(%s)\n", t.name, t.columns)
	}
	return all, hex.EncodeToString(sum.Sum(nil)[:4]), nil
}

// Take copies the state under a name that no snapshot has.
func Take(tx *db.Tx, name string) (Info, error) {
	info := Info{Name: name, Created: tx.Now}
	var count, same int
	if err := tx.QueryRow("SELECT COUNT(*), COALESCE(SUM(name=?),0) FROM snapshots", []any{name}, &count,
		&same); err != nil {
		return info, err
	}
	switch {
	case same > 0:
		return info, ErrExists
	case count >= Max:
		return info, ErrTooMany
	}
	all, shape, err := tables(tx)
	if err != nil {
		return info, err
	}
	r, err := tx.Exec(
		"INSERT INTO snapshots (name,created_at,shape,repositories,manifests,tags,blobs) VALUES (?,?,?,0,0,0,0)", name,
		tx.Now.UnixNano(), shape)
	if err != nil {
		return info, err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return info, err
	}
	rows := map[string]int64{}
	for _, t := range all {
		to := t.copyOf(shape)
		if _, err := tx.Exec("CREATE TABLE IF NOT EXISTS " + to + " AS SELECT 0 AS snapshot_id," + t.columns +
			" FROM " + quote(t.name) + " WHERE 0"); err != nil {
			return info, err
		}
		r, err := tx.Exec("INSERT INTO "+to+" SELECT ?,"+t.columns+" FROM "+quote(t.name), id)
		if err != nil {
			return info, err
		}
		if rows[t.name], err = r.RowsAffected(); err != nil {
			return info, err
		}
	}
	if r, err = tx.Exec("INSERT INTO snapshot_blobs (digest,snapshot) SELECT DISTINCT digest,? FROM repository_blobs",
		id); err != nil {
		return info, err
	}
	info.Repositories, info.Manifests, info.Tags = rows["repositories"], rows["manifests"], rows["tags"]
	if info.Blobs, err = r.RowsAffected(); err != nil {
		return info, err
	}
	_, err = tx.Exec("UPDATE snapshots SET repositories=?,manifests=?,tags=?,blobs=? WHERE id=?", info.Repositories,
		info.Manifests, info.Tags, info.Blobs, id)
	return info, err
}

// List returns the snapshots, the oldest first.
func List(tx *db.Tx) (all []Info, err error) {
	err = tx.Query("SELECT name,created_at,repositories,manifests,tags,blobs FROM snapshots ORDER BY id", nil,
		func(scan func(...any) error) error {
			var i Info
			var created int64
			err := scan(&i.Name, &created, &i.Repositories, &i.Manifests, &i.Tags, &i.Blobs)
			i.Created = time.Unix(0, created).UTC()
			all = append(all, i)
			return err
		})
	return all, err
}

func find(tx *db.Tx, name string) (id int64, shape string, err error) {
	err = tx.QueryRow("SELECT id,shape FROM snapshots WHERE name=?", []any{name}, &id, &shape)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotExist
	}
	return id, shape, err
}

// Restore replaces the state by a snapshot's, which stays.
func Restore(tx *db.Tx, name string) error {
	id, shape, err := find(tx, name)
	if err != nil {
		return err
	}
	all, now, err := tables(tx)
	if err != nil {
		return err
	}
	if now != shape {
		return ErrShape
	}
	// The copy holds what triggers computed; running them again would compute it
	// twice. References are checked at the end, so that no order matters.
	triggers := map[string]string{}
	err = tx.Query("SELECT name,sql FROM sqlite_schema WHERE type='trigger'", nil, func(scan func(...any) error) error {
		var name, text string
		err := scan(&name, &text)
		triggers[name] = text
		return err
	})
	if err != nil {
		return err
	}
	for name := range triggers {
		if _, err := tx.Exec("DROP TRIGGER " + quote(name)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec("PRAGMA defer_foreign_keys=ON"); err != nil {
		return err
	}
	for _, t := range all {
		if _, err := tx.Exec("DELETE FROM " + quote(t.name)); err != nil {
			return err
		}
	}
	for _, t := range all {
		_, err := tx.Exec("INSERT INTO "+quote(t.name)+" ("+t.columns+") SELECT "+t.columns+" FROM "+t.copyOf(shape)+
			" WHERE snapshot_id=?", id)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	for _, text := range triggers {
		if _, err := tx.Exec(text); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes a snapshot. Blobs that only it referred to can be removed then.
func Delete(tx *db.Tx, name string) error {
	id, shape, err := find(tx, name)
	if err != nil {
		return err
	}
	var copies []string
	err = tx.Query("SELECT name FROM sqlite_schema WHERE type='table' AND name LIKE ? ESCAPE '\\'",
		[]any{"snapshot\\_" + shape + "\\_%"}, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			copies = append(copies, name)
			return err
		})
	if err != nil {
		return err
	}
	last := 0
	if err := tx.QueryRow("SELECT COUNT(*) FROM snapshots WHERE shape=?", []any{shape}, &last); err != nil {
		return err
	}
	for _, name := range copies {
		if last == 1 {
			_, err = tx.Exec("DROP TABLE " + quote(name))
		} else {
			_, err = tx.Exec("DELETE FROM "+quote(name)+" WHERE snapshot_id=?", id)
		}
		if err != nil {
			return err
		}
	}
	if _, err := tx.Exec("DELETE FROM snapshot_blobs WHERE snapshot=?", id); err != nil {
		return err
	}
	_, err = tx.Exec("DELETE FROM snapshots WHERE id=?", id)
	return err
}

// Holds reports whether a snapshot refers to a blob.
func Holds(tx *db.Tx, digest string) (bool, error) {
	var one int
	err := tx.QueryRow("SELECT 1 FROM snapshot_blobs WHERE digest=? LIMIT 1", []any{digest}, &one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Blobs returns up to n digests of blobs that snapshots refer to, in their order,
// after one ("" = from the beginning).
func Blobs(tx *db.Tx, after string, n int) (digests []string, err error) {
	const query = "SELECT DISTINCT digest FROM snapshot_blobs WHERE digest>? ORDER BY digest LIMIT ?"
	err = tx.Query(query, []any{after, n}, func(scan func(...any) error) error {
		var digest string
		err := scan(&digest)
		digests = append(digests, digest)
		return err
	})
	return digests, err
}
