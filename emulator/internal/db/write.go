package db

import (
	"context"
	"errors"
	"fmt"
)

// maxBatch is the most writes that share a commit. It bounds how long the first
// of them waits for the last.
const maxBatch = 128

// request is one call of Write.
type request struct {
	ctx      context.Context
	fn       func(tx *Tx) error
	apart    bool // of WriteApart
	err      error
	panicked any
	done     chan struct{} // closed when err is set
}

var errInterrupted = errors.New("the write was abandoned")

// Write runs fn in a transaction and returns when its changes are durable, or
// were undone because fn returned an error. There is one writer at a time; calls
// that wait for it are run together, each under a savepoint, and share one
// commit. If that commit fails, all of them get its error.
//
// fn runs once, or not at all where ctx ended before its turn; once begun it is
// not cut short. It must be brief and must not call Write or Read.
func (d *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return d.write(&request{ctx: ctx, fn: fn, done: make(chan struct{})})
}

// WriteApart is [DB.Write] for data that is never cached, such as a log:
// [DB.Version] stays as it is.
func (d *DB) WriteApart(ctx context.Context, fn func(tx *Tx) error) error {
	return d.write(&request{ctx: ctx, fn: fn, apart: true, done: make(chan struct{})})
}

func (d *DB) write(r *request) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	d.queue = append(d.queue, r)
	d.mu.Unlock()

	cancelled := r.ctx.Done()
	for {
		select {
		case <-r.done:
			if r.panicked != nil {
				panic(r.panicked)
			}
			return r.err
		case <-cancelled:
			if d.withdraw(r) {
				return r.ctx.Err()
			}
			cancelled = nil // begun already: its outcome is near, and fn's variables are in use
		case c := <-d.writer:
			d.lead(c)
		}
	}
}

func (d *DB) withdraw(r *request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, q := range d.queue {
		if q == r {
			d.queue = append(d.queue[:i], d.queue[i+1:]...)
			return true
		}
	}
	return false
}

// lead runs one batch for all calls that wait, and passes the connection on.
func (d *DB) lead(c *conn) {
	d.mu.Lock()
	n := min(len(d.queue), maxBatch)
	batch := append([]*request(nil), d.queue[:n]...)
	d.queue = append(d.queue[:0], d.queue[n:]...)
	d.mu.Unlock()

	defer func() {
		// Only if a function ended its goroutine does this run early.
		for _, r := range batch {
			select {
			case <-r.done:
			default:
				r.err = errInterrupted
				close(r.done)
			}
		}
		d.writer <- c
	}()
	if n == 0 {
		return
	}
	if d.memory != nil {
		// Readers are brief; a wait that ended with one caller would fail the rest.
		_ = d.memory.Acquire(context.Background(), readers)
		defer d.memory.Release(readers)
	}
	for len(batch) > 0 {
		batch = batch[d.commit(c, batch):]
	}
	d.refresh()
}

// commit runs requests of the batch in one transaction and returns how many it
// settled: all of them, or fewer where an error ended the transaction early.
func (d *DB) commit(c *conn, batch []*request) (settled int) {
	settle := func(upTo int, err error) int {
		for _, r := range batch[:upTo] {
			if err != nil && r.err == nil {
				r.err = err
			}
			close(r.done)
		}
		return upTo
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return settle(len(batch), err)
	}
	open := true
	defer func() {
		if open { // a function ended its goroutine
			_ = c.exec("ROLLBACK")
		}
	}()
	shared := len(batch) > 1
	changed, seen := false, false // seen: the change counts for Version
	for i, r := range batch {
		if r.err = r.ctx.Err(); r.err != nil {
			continue
		}
		if shared {
			if r.err = c.exec("SAVEPOINT one"); r.err != nil {
				_ = c.exec("ROLLBACK")
				open = false
				return settle(i+1, r.err)
			}
		}
		d.run(c, r)
		if !shared {
			changed, seen = r.err == nil, !r.apart
			continue
		}
		failed := r.err
		var err error
		if failed != nil {
			err = c.exec("ROLLBACK TO one")
		}
		if err == nil {
			err = c.exec("RELEASE one")
		}
		if err != nil {
			// SQLite ended the whole transaction, as it may on a full disk: what
			// ran before is undone with it, what comes after gets a new one.
			if failed == nil {
				failed, r.err = err, err
			}
			_ = c.exec("ROLLBACK")
			open = false
			return settle(i+1, fmt.Errorf("a write that shared the commit failed: %w", failed))
		}
		if failed == nil {
			changed, seen = true, seen || !r.apart
		}
	}
	open = false
	if !changed {
		_ = c.exec("ROLLBACK")
		return settle(len(batch), nil)
	}
	if d.memory == nil {
		if err := c.exec("UPDATE commits SET count=count+1"); err != nil {
			_ = c.exec("ROLLBACK")
			return settle(len(batch), err)
		}
	}
	d.commits.Add(1)
	if seen {
		d.version.Add(1)
	}
	err := c.exec("COMMIT")
	if seen {
		d.version.Add(1) // after an error too
	}
	d.commits.Add(1) // as above
	if err != nil {
		_ = c.exec("ROLLBACK")
	} else {
		//rule:state-lost-commit
		d.acknowledge()
	}
	return settle(len(batch), err)
}

// acknowledge counts a commit, and writes the mark. A mark that cannot be written is
// no failure of the commit, which is durable: the mark is older then, until the next
// commit writes it.
func (d *DB) acknowledge() {
	if d.memory != nil {
		return
	}
	d.count++
	if d.marking {
		_, _ = d.mark.WriteAt(mark{d.database, d.count, noSum}.encode(), 0)
	}
}

// run calls the request's function and keeps its panic for its own goroutine.
func (d *DB) run(c *conn, r *request) {
	tx := &Tx{Now: d.tick(), ctx: context.WithoutCancel(r.ctx), c: c}
	returned := false
	defer func() {
		tx.c = nil
		if !returned {
			r.err = errInterrupted
			r.panicked = recover() // nil if the goroutine is ending, which goes on
		}
	}()
	r.err = r.fn(tx)
	returned = true
}
