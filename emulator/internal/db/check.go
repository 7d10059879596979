package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// wholeCheck is the most bytes of a database whose indexes are compared with
	// their tables when it is opened, which finds a changed name or digest that is
	// in both. It takes about a second for each 100 MB, that is 0.1 s for 100,000
	// tags; of a larger database only the structure is checked, in a sixth of the
	// time.
	wholeCheck = 32 << 20
	// maxProblems limits what [DB.Check] returns.
	maxProblems = 100
)

// damagedAtOpen wraps an error in [ErrDamaged] if it can have no other cause: SQLite
// cannot read the file, or the tables in it are not those that were made. The
// integrity check does not see the second: one changed bit gives a column another
// name, and the schema is still valid text.
func damagedAtOpen(err error) error {
	err = mapError(err)
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_ERROR {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// checkAtOpen fails with [ErrDamaged] if the file is not sound. It writes nothing
// and counts no commit.
func (d *DB) checkAtOpen(ctx context.Context, c *conn) error {
	tx := &Tx{Now: d.tick(), ctx: ctx, c: c}
	var pages, size int64
	const query = "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
	err := tx.QueryRow(query, nil, &pages, &size)
	if err == nil {
		//rule:rot-check-at-open
		check := "integrity_check"
		//rule:rot-check-at-open-2
		if pages*size > wholeCheck {
			check = "quick_check"
		}
		var problems []string
		if problems, err = pragma(tx, check, 1); err == nil && len(problems) > 0 {
			err = fmt.Errorf("%w: %s", ErrDamaged, problems[0])
		}
	}
	return damagedAtOpen(err)
}

// Check reads the whole database and returns what is wrong with it: its
// structure, its indexes, and rows that refer to rows that are not there. At most
// a hundred problems of each are returned.
func (d *DB) Check(ctx context.Context) (problems []string, err error) {
	err = d.Read(ctx, func(tx *Tx) error {
		if problems, err = pragma(tx, "integrity_check", maxProblems); err != nil || len(problems) > 0 {
			return err
		}
		const query = `SELECT DISTINCT "table",parent FROM pragma_foreign_key_check LIMIT ?`
		return tx.Query(query, []any{maxProblems}, func(scan func(...any) error) error {
			var child, parent string
			err := scan(&child, &parent)
			problems = append(problems, fmt.Sprintf("rows of %s refer to rows of %s that are not there", child, parent))
			return err
		})
	})
	if errors.Is(err, ErrDamaged) { // the check itself could not go on
		return append(problems, err.Error()), nil
	}
	return problems, err
}

// pragma runs one of SQLite's checks and returns its problems, none if the database is
// sound.
func pragma(tx *Tx, check string, limit int) (problems []string, err error) {
	err = tx.Query(fmt.Sprintf("PRAGMA %s(%d)", check, limit), nil, func(scan func(...any) error) error {
		var text sql.NullString
		err := scan(&text)
		for line := range strings.Lines(text.String) {
			if line = strings.TrimSpace(line); line != "ok" && line != "" && !strings.HasPrefix(line, "***") {
				problems = append(problems, line)
			}
		}
		return err
	})
	return problems, err
}
