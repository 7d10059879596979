// Package simtime runs functions at the same time by one simulated clock, in tests. The
// clock stands while one of them works, and moves on when all wait, to the first time that
// one waits for. How slow the machine is does not matter.
package simtime

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is a clock that does not run by itself: an emulator.Clock over [Ticks].
type Clock interface {
	Now() time.Time
	Set(time.Time) error
}

// Ticks returns a clock that moves on by a microsecond with each look at it, so that no two
// things have one time.
func Ticks() func() time.Time {
	start, looks := time.Now(), atomic.Int64{}
	return func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Microsecond) }
}

// Group is a group of functions with one clock.
type Group struct {
	clock Clock
	delay time.Duration
	held  func() int64

	mu      sync.Mutex
	running int    // functions that have not ended
	seen    int64  // of held
	waits   []wait // of functions, and of requests
}

type wait struct {
	until time.Time
	wake  chan struct{} // nil = a request, which a server holds
}

// New returns a group. held is how many requests of the functions a server has held so far,
// each for the time delay by the same clock; nil = none. A function waits for its request.
func New(clock Clock, delay time.Duration, held func() int64) *Group {
	if held == nil {
		held = func() int64 { return 0 }
	}
	return &Group{clock: clock, delay: delay, held: held}
}

// Now is the time of the clock.
func (g *Group) Now() time.Time { return g.clock.Now() }

// Sleep waits for d, in a function of [Group.Run]. It returns early with the error of ctx.
func (g *Group) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	wake := make(chan struct{})
	g.mu.Lock()
	g.waits = append(g.waits, wait{g.clock.Now().Add(d), wake})
	g.mu.Unlock()
	select {
	case <-wake:
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		g.waits = slices.DeleteFunc(g.waits, func(w wait) bool { return w.wake == wake })
	}
	return ctx.Err()
}

// Run calls do with 0 to n-1 at the same time, and returns when all have returned.
func (g *Group) Run(n int, do func(i int)) error {
	g.mu.Lock()
	g.running = n
	g.seen = g.held()
	g.mu.Unlock()
	for i := range n {
		go func() {
			defer func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.running--
			}()
			do(i)
		}()
	}
	var err error
	for more := true; more; {
		time.Sleep(time.Millisecond) // a held request sends no signal
		if more, err = g.step(); err != nil {
			return err
		}
	}
	return nil
}

// step moves the clock on if all functions wait. It reports whether one has not ended.
func (g *Group) step() (more bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for now := g.held(); g.seen < now; g.seen++ {
		g.waits = append(g.waits, wait{until: g.clock.Now().Add(g.delay)})
	}
	if g.running == 0 || len(g.waits) < g.running {
		return g.running > 0, nil
	}
	first := slices.MinFunc(g.waits, func(a, b wait) int { return a.until.Compare(b.until) }).until
	if first.After(g.clock.Now()) { // it is never set back
		if err := g.clock.Set(first); err != nil {
			return true, err
		}
	}
	g.waits = slices.DeleteFunc(g.waits, func(w wait) bool {
		if w.until.After(first) {
			return false
		}
		if w.wake != nil {
			close(w.wake)
		}
		return true
	})
	return true, nil
}
