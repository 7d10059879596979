package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/acrkit/acrkit/internal/private"
)

// Incomplete says that something of the state is missing, damaged, or older than
// what was acknowledged. Nothing was changed.
type Incomplete struct {
	Reason string
	Err    error // nil where there is no cause
}

// Error returns the reason and the cause.
func (e *Incomplete) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

// Unwrap returns the cause.
func (e *Incomplete) Unwrap() error { return e.Err }

// explain is mapError for a database that is being opened: damage is [Incomplete],
// and where SQLite may not write, it names the folder.
func explain(dir string, err error) error {
	if _, ok := errors.AsType[*Incomplete](err); ok {
		return err
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			// SQLite also takes a file for read-only whose header names a later format.
			if f, ferr := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0); ferr == nil &&
				e.Code() == sqlite3.SQLITE_READONLY {
				_ = f.Close() // nothing was written
				return &Incomplete{Reason: fileName, Err: fmt.Errorf("%w: %w", ErrDamaged, err)}
			}
			return errors.Join(&fs.PathError{Op: "write to", Path: dir, Err: fs.ErrPermission}, err)
		}
	}
	if err = mapError(err); errors.Is(err, ErrDamaged) {
		return &Incomplete{Reason: fileName, Err: err}
	}
	return err
}

// Origin is where the state of an open database comes from.
type Origin int

// The origins.
const (
	Known   Origin = iota // it agrees with its mark
	New                   // it was made now, or by a start that acknowledged nothing
	Adopted               // it had no mark, or was taken as it is by Options.Recover
)

// Inspect compares the database in dir with its mark, and changes neither. held is
// [Options.Held].
//
// Errors: [Incomplete] for a database that lacks what was acknowledged.
func Inspect(ctx context.Context, dir, held string) error {
	_, _, err := inspect(ctx, dir, &Options{Held: held})
	return err
}

// inspect compares the database in dir with its mark, and changes neither. It
// returns the mark, a new one if there was none.
func inspect(ctx context.Context, dir string, opts *Options) (m mark, origin Origin, err error) {
	m, marked, err := readMark(dir)
	if _, lost := errors.AsType[*Incomplete](err); err != nil && !(lost && opts.Recover) {
		return mark{}, 0, err
	}
	path := filepath.Join(dir, fileName)
	there, err := hasContent(path)
	if err != nil {
		return mark{}, 0, err
	}
	var found mark
	if there {
		if found, there, err = counted(ctx, path); err != nil {
			return mark{}, 0, explain(dir, damagedAtOpen(err))
		}
		there = there || marked // its log may be what it lacks
	}
	if !there {
		log, err := hasContent(path + "-wal")
		if err != nil {
			return mark{}, 0, err
		}
		shown := opts.Held
		switch {
		case marked && m.commits == 0: // a first start was cut short
			return m, New, nil
		case marked:
			shown = markName
		case log:
			shown = fileName + "-wal"
		}
		//rule:state-lost-inspect-2
		if shown != "" && !opts.Recover {
			reason := fileName + " is missing or empty, and " + shown + " shows that the folder held state"
			return mark{}, 0, &Incomplete{Reason: reason}
		}
		return mark{}, New, nil
	}
	switch {
	case marked && m.commits == 0:
		return m, New, nil
	//rule:state-lost-inspect
	case marked && found.database == m.database && found.commits >= m.commits:
		err := m.checkClosed(path)
		if _, lost := errors.AsType[*Incomplete](err); lost && opts.Recover {
			return mark{}, Adopted, nil
		}
		return m, Known, err
	//rule:state-lost-inspect-3
	case found.database == "" && !marked || opts.Recover: // "": an earlier version's
		return mark{}, Adopted, nil
	case !marked:
		return mark{}, 0, &Incomplete{Reason: markName + ", which says what " + fileName + " must hold, is missing"}
	case found.database != m.database && found.database != "": // "": it has not even its first commit
		return mark{}, 0, &Incomplete{Reason: fileName + " is not the database that the folder held"}
	}
	return mark{}, 0, &Incomplete{Reason: fmt.Sprintf(
		"%s is older than what was acknowledged: %d commits are missing, of it or of %s-wal",
		fileName, m.commits-found.commits, fileName)}
}

// checkClosed compares the file of a database that was closed with its checksum.
func (m mark) checkClosed(path string) error {
	if m.sum == noSum {
		return nil
	}
	sum, err := sumOf(path)
	//rule:state-lost-check-closed
	if err == nil && sum != m.sum {
		err = &Incomplete{Reason: fileName + " was damaged or changed since it was closed"}
	}
	return err
}

func hasContent(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size() > 0, err
}

// counted reads which database a file holds and how many commits it has; an earlier
// version's has no name. It is not used where it has no tables: its first commit
// was cut short. The connection only reads: one that could write would merge the log
// into the file when it is closed, and drop what the log holds after a damaged place.
func counted(ctx context.Context, path string) (m mark, used bool, err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		//rule:secret-files-counted
		if err := private.CheckSecret(path + suffix); err != nil {
			return mark{}, false, err
		}
	}
	name, err := dataSource(path)
	if err != nil {
		return mark{}, false, err
	}
	//rule:state-lost-counted
	pool, err := sql.Open("sqlite", name+"?mode=ro&_pragma=query_only(1)")
	if err != nil {
		return mark{}, false, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	var counts, tables int
	const ask = "SELECT count(*) FILTER (WHERE name='commits'), count(*) FROM sqlite_schema WHERE type='table'"
	if err := pool.QueryRowContext(ctx, ask).Scan(&counts, &tables); err != nil || counts == 0 {
		return mark{}, tables > 0, err
	}
	m, err = scanMark(pool.QueryRowContext(ctx, commitsQuery).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = &Incomplete{Reason: fileName + " is damaged: it does not say which one it is"}
	}
	return m, true, err
}

const commitsQuery = "SELECT database, count FROM commits"

// scanMark reads the row of commitsQuery. A damaged schema may read it in the
// pages of another table, or call another column by its name.
func scanMark(scan func(dest ...any) error) (mark, error) {
	var database, commits any
	err := scan(&database, &commits)
	name, isText := database.(string)
	count, isNumber := commits.(int64)
	if err == nil && !(isText && isNumber && count >= 0) {
		err = fmt.Errorf("%w: it does not say which database it is", ErrDamaged)
	}
	return mark{database: name, commits: uint64(count)}, err
}
