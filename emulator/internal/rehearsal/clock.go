package rehearsal

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit"
)

// The times an emulator's clock can be set to: those that fit the JSON of its
// answers and the 64 bits in which its database counts nanoseconds.
var (
	MinTime = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	MaxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Clock is the emulator's clock. Tokens, passwords and secrets expire by it, and
// the times in answers, the Date header among them, and in the decision log are
// its own. Not by it: certificates, whose validity clients check by their own
// clock, and the age at which unused content is collected.
//
// It runs with Options.Now until it is frozen or set. Its methods are safe for
// concurrent use; changes hold for the next request, and not over a restart.
type Clock struct {
	base    func() time.Time
	mu      sync.Mutex
	state   atomic.Pointer[clockState] // nil = the base's time
	changed chan struct{}              // closed when state changes, and replaced; under mu
}

type clockState struct {
	frozen bool
	at     time.Time     // the time it shows, if frozen
	offset time.Duration // before the base's time, if not
}

// ClockState is the state of a clock.
type ClockState struct {
	Now    time.Time // UTC
	Frozen bool
	Offset time.Duration // before the machine's time, or that of Options.Now; negative = behind
}

// NewClock returns a clock over base; nil = time.Now.
func NewClock(base func() time.Time) *Clock {
	if base == nil {
		base = time.Now
	}
	return &Clock{base: base, changed: make(chan struct{})}
}

// Now returns the emulator's time.
func (c *Clock) Now() time.Time {
	s := c.state.Load()
	switch {
	case s == nil:
		return c.base()
	case s.frozen:
		return s.at
	}
	return c.base().Add(s.offset)
}

// store gives the clock a state; c.mu is held.
func (c *Clock) store(s *clockState) {
	c.state.Store(s)
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait waits until the clock shows a time, and reports false if the request or its listener
// ends first. While the clock is frozen it waits for a change of it.
func (c *Clock) wait(ctx context.Context, until time.Time) bool {
	for {
		c.mu.Lock()
		changed, left, s := c.changed, until.Sub(c.Now()), c.state.Load()
		c.mu.Unlock()
		if left <= 0 {
			return true
		}
		var timer <-chan time.Time
		if s == nil || !s.frozen {
			timer = time.After(left)
		}
		select {
		case <-changed:
		case <-timer:
		case <-ctx.Done():
			return false
		case <-Ending(ctx):
			return false
		}
	}
}

// State returns the clock's state.
func (c *Clock) State() ClockState {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, s := c.Now().UTC().Round(0), c.state.Load()
	out := ClockState{Now: now}
	if s != nil {
		out.Frozen, out.Offset = s.frozen, s.offset
		if s.frozen {
			out.Offset = now.Sub(c.base().Round(0))
		}
	}
	return out
}

// Freeze stops the clock where it is.
func (c *Clock) Freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store(&clockState{frozen: true, at: c.Now().Round(0)})
}

// Set sets the clock. A frozen one stays frozen.
//
// Errors: [acrkit.CodeUsage] for a time before 1970-01-02 or after 2199.
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set(t)
}

func (c *Clock) set(t time.Time) error {
	t = t.Round(0)
	if t.Before(MinTime) || !t.Before(MaxTime) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "set the clock",
			Reason: fmt.Sprintf("the time is not between %d and %d", MinTime.Year(), MaxTime.Year()-1)}
	}
	s := &clockState{offset: t.Sub(c.base().Round(0))}
	if old := c.state.Load(); old != nil && old.frozen {
		s = &clockState{frozen: true, at: t}
	}
	c.store(s)
	return nil
}

// Advance moves the clock on, or back where d is negative.
//
// Errors: those of [Clock.Set].
func (c *Clock) Advance(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set(c.Now().Add(d))
}

// Resume lets a frozen clock run on from the time it shows.
func (c *Clock) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.state.Load(); s != nil && s.frozen {
		c.store(&clockState{offset: s.at.Sub(c.base().Round(0))})
	}
}

// Reset gives the clock the machine's time again, or that of Options.Now.
// Tokens that were issued later than that are not good yet.
func (c *Clock) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store(nil)
}

// Moved reports whether the clock was frozen or set.
func (c *Clock) Moved() bool { return c.state.Load() != nil }
