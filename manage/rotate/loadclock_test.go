package rotate_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/internal/clock"
)

// loadClock is that of the rotations.
type loadClock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) Sleep(ctx context.Context, d time.Duration) error { return clock.Sleep(ctx, d) }

const (
	// part is by how much the clock moves at most at a time, and pause by how much it moves
	// at most without a round of all clients between. What a client began before a round
	// ends within it, and so before a password that it had is ended.
	part  = 2 * time.Minute
	pause = 45 * time.Second
	// tick is what a shorter wait ends at a multiple of. Rotations that wait for an activation
	// then go on together.
	tick = 10 * time.Second
)

// sharedClock is the emulator's clock. It moves when all rotations wait for it, and all
// clients log in and pull between its moves.
type sharedClock struct {
	ctx   context.Context // of the whole test
	reg   *acrtest.Registry
	round func(ctx context.Context) error

	mu      sync.Mutex
	changed *sync.Cond
	workers int
	waiting []waiter
}

type waiter struct {
	until time.Time
	woken chan struct{}
}

func newSharedClock(ctx context.Context, reg *acrtest.Registry, workers int,
	round func(context.Context) error) *sharedClock {
	c := &sharedClock{ctx: ctx, reg: reg, workers: workers, round: round}
	c.changed = sync.NewCond(&c.mu)
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	return c
}

func (c *sharedClock) Now() time.Time { return c.reg.Clock().Now() }

func (c *sharedClock) Sleep(ctx context.Context, d time.Duration) error {
	w := waiter{c.Now().Add(d), make(chan struct{})}
	if d < pause {
		w.until = w.until.Add(tick - 1).Truncate(tick)
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, w)
	c.changed.Broadcast()
	c.mu.Unlock()
	select {
	case <-w.woken:
		return ctx.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave says that one rotation less will wait.
func (c *sharedClock) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.workers--
	c.changed.Broadcast()
}

// run moves the clock until the test ends.
func (c *sharedClock) run() {
	since := time.Duration(0) // the last round
	changed := true           // rotations went on since then
	for {
		until, ok := c.next()
		if !ok {
			return
		}
		left := until.Sub(c.Now())
		if left >= pause && changed && c.round(c.ctx) != nil {
			return
		}
		by := max(0, min(left, part))
		c.reg.Advance(by)
		if since += by; since >= pause {
			if c.round(c.ctx) != nil {
				return
			}
			since, changed = 0, false
		}
		changed = c.wake() || changed
	}
}

// next waits until all rotations wait, and returns when the first goes on.
func (c *sharedClock) next() (until time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.ctx.Err() == nil && (c.workers == 0 || len(c.waiting) < c.workers) {
		c.changed.Wait()
	}
	if c.ctx.Err() != nil {
		return until, false
	}
	return slices.MinFunc(c.waiting, func(a, b waiter) int { return a.until.Compare(b.until) }).until, true
}

// wake lets those go on whose time has come.
func (c *sharedClock) wake() (woken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	c.waiting = slices.DeleteFunc(c.waiting, func(w waiter) bool {
		over := !w.until.After(now)
		if over {
			close(w.woken)
			woken = true
		}
		return over
	})
	return woken
}
