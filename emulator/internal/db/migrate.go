package db

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"database/sql"
)

// Migration is one step of a schema. Its name is recorded when it was applied; a
// step that was released is never changed, a new one is added.
type Migration struct {
	Name string // unique, for example "content-0001"
	SQL  string // one or more statements
}

// own is the database's own step: which database it is, and how many commits it
// has, which [mark] repeats.
var own = Migration{Name: "db-0001", SQL: `
CREATE TABLE commits (
	database TEXT NOT NULL,
	count INTEGER NOT NULL
) STRICT;`}

// Later says that a later version wrote the database: it has a step that this one
// does not know.
type Later struct{ Migration string }

// Error names the step.
func (e *Later) Error() string {
	return fmt.Sprintf("the data folder holds the migration %q, which this version does not know: "+
		"it was written by a later one", e.Migration)
}

// Earlier says that an earlier version wrote the database: it lacks a step.
type Earlier struct{ Migration string }

// Error names the step.
func (e *Earlier) Error() string {
	return fmt.Sprintf("the data folder lacks the migration %q of this version: it was written by an earlier one",
		e.Migration)
}

// compare returns [Later] or [Earlier] if another version wrote the database. One
// whose steps cannot be read is left to [DB.Check].
func (d *DB) compare(ctx context.Context, steps []Migration) error {
	found := map[string]bool{}
	err := d.Read(ctx, func(tx *Tx) error {
		return tx.Query("SELECT name FROM migrations", nil, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			found[name] = true
			return err
		})
	})
	if err != nil || len(found) == 0 {
		return ctx.Err()
	}
	for _, m := range append([]Migration{own}, steps...) {
		if !found[m.Name] {
			return &Earlier{Migration: m.Name}
		}
		delete(found, m.Name)
	}
	for name := range found {
		return &Later{Migration: name}
	}
	return nil
}

// migrate applies what is new. A recorded step that the program does not know
// means that a later version wrote the folder; one with other text, that a
// released step was changed. Both would corrupt, so both are errors.
func (d *DB) migrate(ctx context.Context, steps []Migration) error {
	steps = append([]Migration{own}, steps...)
	known := map[string]string{}
	for _, m := range steps {
		if _, ok := known[m.Name]; ok || m.Name == "" {
			return fmt.Errorf("migration %q is listed twice or has no name", m.Name)
		}
		sum := sha256.Sum256([]byte(m.SQL))
		known[m.Name] = hex.EncodeToString(sum[:])
	}
	// All of them, or none: one commit, so that a new folder is made quickly.
	return d.Write(ctx, func(tx *Tx) error {
		if err := tx.recorded(known); err != nil {
			return damagedAtOpen(err)
		}
		for _, m := range steps {
			if err := tx.apply(m, known[m.Name]); err != nil {
				if d.origin != New && d.memory == nil {
					err = damagedAtOpen(err)
				}
				return fmt.Errorf("migration %q: %w", m.Name, err)
			}
		}
		return damagedAtOpen(d.identify(tx))
	})
}

// recorded returns [Later] where a step is recorded that is not among the known.
func (tx *Tx) recorded(known map[string]string) error {
	_, err := tx.Exec(`CREATE TABLE IF NOT EXISTS migrations (
		name TEXT PRIMARY KEY, sum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT`)
	if err != nil {
		return err
	}
	return tx.Query("SELECT name FROM migrations", nil, func(scan func(...any) error) error {
		var name string
		if err := scan(&name); err != nil {
			return err
		}
		if _, ok := known[name]; !ok {
			return &Later{Migration: name}
		}
		return nil
	})
}

// identify reads which database this is, or gives a new one its name.
func (d *DB) identify(tx *Tx) error {
	if d.memory != nil {
		return nil
	}
	found, err := scanMark(func(dest ...any) error { return tx.QueryRow(commitsQuery, nil, dest...) })
	if !errors.Is(err, sql.ErrNoRows) {
		d.database, d.count = found.database, found.commits
		return err
	}
	d.database = cmp.Or(d.database, rand.Text())
	_, err = tx.Exec("INSERT INTO commits (database,count) VALUES (?,0)", d.database)
	return err
}

// apply runs a step that was not applied yet.
func (tx *Tx) apply(m Migration, sum string) error {
	var applied string
	err := tx.QueryRow("SELECT sum FROM migrations WHERE name=?", []any{m.Name}, &applied)
	switch {
	case err == nil && applied == sum:
		return nil
	case err == nil:
		return &Incomplete{Reason: "it was applied with another text, by another version, or " + fileName +
			" is damaged"}
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if _, err := tx.Exec(m.SQL); err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO migrations (name,sum,applied_at) VALUES (?,?,?)", m.Name, sum, tx.Now.UnixNano())
	return err
}
