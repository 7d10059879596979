package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// maxStatements is the most prepared statements a connection keeps. The queries
// are constants of the code, about a hundred; more are not kept.
const maxStatements = 512

// conn is one connection with its prepared statements. One goroutine uses it at
// a time.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt

	inSnapshot bool   // a reader's transaction is open,
	snapshotAt uint64 // begun at this count; see snapshot

	directs map[string]driver.Stmt // for [DB.Row], with room for its arguments and results
	args    []driver.NamedValue
	values  []driver.Value
}

func (c *conn) close() error {
	c.endSnapshot()
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.closeDirect(), c.c.Close())...)
}

// prepare returns the statement and whether the caller has to close it.
func (c *conn) prepare(ctx context.Context, query string) (s *sql.Stmt, once bool, err error) {
	if s, ok := c.stmts[query]; ok {
		return s, false, nil
	}
	if s, err = c.c.PrepareContext(ctx, query); err != nil {
		return nil, false, mapError(err)
	}
	if len(c.stmts) >= maxStatements {
		return s, true, nil
	}
	c.stmts[query] = s
	return s, false, nil
}

// exec runs one of the statements that begin or end a transaction. They are never
// cut short: a rollback must happen even if its request is gone.
func (c *conn) exec(query string) error {
	s, once, err := c.prepare(context.Background(), query)
	if err != nil {
		return err
	}
	if once {
		defer s.Close()
	}
	_, err = s.Exec()
	return mapError(err)
}

// Tx is a transaction: within [DB.Write] it may change the database, within
// [DB.Read] it may not. It is invalid after the function it was given to has
// returned, and belongs to that function's goroutine.
type Tx struct {
	// Now is the one time of this transaction: UTC, in whole [Tick]s.
	Now time.Time

	ctx context.Context
	c   *conn
}

var errFinished = errors.New("the transaction is over")

// Exec runs a statement that returns no rows.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if tx.c == nil {
		return nil, errFinished
	}
	s, once, err := tx.c.prepare(tx.ctx, query)
	if err != nil {
		return nil, err
	}
	if once {
		defer s.Close()
	}
	r, err := s.ExecContext(tx.ctx, args...)
	return r, mapError(err)
}

// QueryRow reads the first row of the result into dest. No row is
// [sql.ErrNoRows].
func (tx *Tx) QueryRow(query string, args []any, dest ...any) error {
	if tx.c == nil {
		return errFinished
	}
	s, once, err := tx.c.prepare(tx.ctx, query)
	if err != nil {
		return err
	}
	if once {
		defer s.Close()
	}
	return mapError(s.QueryRowContext(tx.ctx, args...).Scan(dest...))
}

// Query calls row for each row of the result; row reads it with scan. Within
// row, the same query text must not be run again: there is one statement for it.
func (tx *Tx) Query(query string, args []any, row func(scan func(dest ...any) error) error) error {
	if tx.c == nil {
		return errFinished
	}
	s, once, err := tx.c.prepare(tx.ctx, query)
	if err != nil {
		return err
	}
	if once {
		defer s.Close()
	}
	rows, err := s.QueryContext(tx.ctx, args...)
	if err != nil {
		return mapError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return mapError(rows.Err())
}
