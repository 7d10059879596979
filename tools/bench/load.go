package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many clients ask at a time in the measures of a rate.
const connections = 8

// action is one thing that a client does on its connection, with one or more
// requests. An answer that is not the right one is an error.
type action func(c *conn, dice *rand.Rand) error

// measure is what a server did in one slice of time.
type measure struct {
	count   int64
	elapsed time.Duration
	cpu     time.Duration // of the server's process
}

func (m measure) rate() float64 { return float64(m.count) / m.elapsed.Seconds() }

// cpuEach is the server's time for one action.
func (m measure) cpuEach() time.Duration {
	if m.count == 0 {
		return 0
	}
	return m.cpu / time.Duration(m.count)
}

func (m measure) plus(o measure) measure {
	return measure{m.count + o.count, m.elapsed + o.elapsed, m.cpu + o.cpu}
}

// load lets clients act in a closed loop for a time, each at least once. Each
// has acted once before, uncounted.
func load(ctx context.Context, s *server, clients int, d time.Duration, act action) (measure, error) {
	return run(ctx, s, clients, true, act, func(started time.Time, _ int64) bool { return time.Since(started) < d })
}

// loadCount lets clients act n times altogether.
func loadCount(ctx context.Context, s *server, clients int, n int64, act action) (measure, error) {
	return run(ctx, s, clients, false, act, func(_ time.Time, begun int64) bool { return begun <= n })
}

func run(ctx context.Context, s *server, clients int, warm bool, act action,
	more func(started time.Time, begun int64) bool) (m measure, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var ready sync.WaitGroup
	var count, begun atomic.Int64
	var started time.Time
	start := make(chan struct{})
	for i := range clients {
		ready.Add(1)
		all.Go(func() {
			c, err := dial(ctx, s.addr)
			if err == nil {
				defer c.Close()
				// Ends a read when the context does.
				defer context.AfterFunc(ctx, func() { c.Close() })()
			}
			dice := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // which tag is asked for is no secret
			if err == nil && warm {
				err = act(c, dice)
			}
			ready.Done()
			if err == nil {
				<-start
				for err == nil && ctx.Err() == nil && more(started, begun.Add(1)) {
					if err = act(c, dice); err == nil {
						count.Add(1)
					}
				}
			}
			if err != nil {
				cancel(fmt.Errorf("%s: %w", s.name, err))
			}
		})
	}
	ready.Wait()
	before, err := s.cpu()
	started = time.Now()
	close(start)
	all.Wait()
	m.elapsed = time.Since(started)
	after, err2 := s.cpu()
	m.count, m.cpu = count.Load(), after-before
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return m, errors.Join(err, err2)
}

// expect turns an answer of another status into an error.
func expect(r reply, err error, status int, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if r.status != status {
		return fmt.Errorf("%s: status %d, not %d; %.300s", what, r.status, status, r.body)
	}
	return nil
}

// one of prepared requests, at random, answered 200; a size other than -1 is
// the body's.
func one(requests [][]byte, w want, size int64, what string) action {
	return func(c *conn, dice *rand.Rand) error {
		r, err := c.do(w, requests[dice.IntN(len(requests))])
		if err := expect(r, err, 200, what); err != nil {
			return err
		}
		if size >= 0 && r.size != size && w&isHead == 0 {
			return fmt.Errorf("%s: %d bytes, not %d", what, r.size, size)
		}
		return nil
	}
}
