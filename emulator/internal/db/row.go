package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// Row reads the first row of one statement's result into dest: pointers to
// string, int64 and []byte, and [sql.Scanner]s. No row is [sql.ErrNoRows].
//
// It is [DB.Read] for a single look-up, at a fraction of its cost. The statement is
// not cut short when ctx ends, so it must be one that an index answers.
func (d *DB) Row(ctx context.Context, query string, args []any, dest ...any) error {
	c, err := d.reader(ctx)
	if err != nil {
		return err
	}
	failed := true
	defer func() { d.release(c, failed) }()
	if d.memory != nil {
		if err := d.memory.Acquire(ctx, 1); err != nil {
			return err
		}
		defer d.memory.Release(1)
	} else if err := d.snapshot(c); err != nil {
		return err
	}
	err = c.row(query, args, dest)
	failed = err != nil && !errors.Is(err, sql.ErrNoRows)
	return mapError(err)
}

// reader takes a connection that reads.
func (d *DB) reader(ctx context.Context) (*conn, error) {
	select {
	case c := <-d.readers:
		return c, nil
	default:
	}
	select {
	case c := <-d.readers:
		return c, nil
	case <-d.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// row asks the driver itself: what database/sql does for a statement (locks,
// conversions by reflection, a watcher of the context) costs more than SQLite's
// own look-up.
func (c *conn) row(query string, args, dest []any) error {
	return c.c.Raw(func(driverConn any) error {
		s, err := c.direct(driverConn, query)
		if err != nil {
			return err
		}
		for len(c.args) < len(args) {
			c.args = append(c.args, driver.NamedValue{Ordinal: len(c.args) + 1})
		}
		for i, a := range args {
			if n, ok := a.(int); ok { // not a driver's value
				a = int64(n)
			}
			c.args[i].Value = a
		}
		rows, err := s.QueryContext(context.Background(), c.args[:len(args)])
		if err != nil {
			return err
		}
		for len(c.values) < len(dest) {
			c.values = append(c.values, nil)
		}
		err = rows.Next(c.values[:len(dest)])
		if errors.Is(err, io.EOF) {
			err = sql.ErrNoRows
		}
		for i, to := range dest {
			if err == nil {
				err = assign(to, c.values[i])
			}
		}
		clear(c.values) // a body must not live as long as the connection
		for i := range args {
			c.args[i].Value = nil
		}
		return errors.Join(err, rows.Close())
	})
}

// direct returns the driver's own prepared statement.
func (c *conn) direct(driverConn any, query string) (driver.StmtQueryContext, error) {
	if s, ok := c.directs[query]; ok {
		return s.(driver.StmtQueryContext), nil
	}
	if len(c.directs) >= maxStatements {
		return nil, fmt.Errorf("more than %d statements", maxStatements)
	}
	prepared, err := driverConn.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's statements are %T", prepared), prepared.Close())
	}
	if c.directs == nil {
		c.directs = map[string]driver.Stmt{}
	}
	c.directs[query] = prepared
	return s, nil
}

// closeDirect closes the driver's statements.
func (c *conn) closeDirect() error {
	if len(c.directs) == 0 {
		return nil
	}
	return c.c.Raw(func(any) error {
		var errs []error
		for _, s := range c.directs {
			errs = append(errs, s.Close())
		}
		return errors.Join(errs...)
	})
}

func assign(to any, v driver.Value) error {
	switch to := to.(type) {
	case *string:
		if s, ok := v.(string); ok {
			*to = s
			return nil
		}
	case *int64:
		if n, ok := v.(int64); ok {
			*to = n
			return nil
		}
	case *[]byte:
		if b, ok := v.([]byte); ok {
			*to = b // the driver's copy, ours alone
			return nil
		}
	case sql.Scanner:
		return to.Scan(v)
	}
	return fmt.Errorf("a column of %T does not go into %T", v, to)
}
