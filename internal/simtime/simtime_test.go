package simtime_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit/internal/simtime"
)

// clock is a clock that stands.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	tick time.Duration // by which a look moves it
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.tick)
	return c.now
}

func (c *clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Before(c.now) {
		return errors.New("back")
	}
	c.now = t
	return nil
}

// TestSleep: each function wakes at its time, and no time passes while one of them works.
func TestSleep(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := &clock{now: start}
	g := simtime.New(c, 0, nil)
	var mu sync.Mutex
	var got []string
	note := func(i int) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprint(i, " ", g.Now().Sub(start)))
	}
	err := g.Run(3, func(i int) {
		for range 2 {
			if err := g.Sleep(t.Context(), time.Duration(3-i)*time.Hour); err != nil {
				t.Error(err)
			}
			note(i)
			if i == 2 {
				time.Sleep(20 * time.Millisecond) // works while the others wait
				note(i)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{"0 3h0m0s", "0 6h0m0s", "1 2h0m0s", "1 4h0m0s", "2 1h0m0s", "2 1h0m0s", "2 2h0m0s", "2 2h0m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSleep_ended: a function whose context ends waits no longer, and the clock stands
// while it works on.
func TestSleep_ended(t *testing.T) {
	c := &clock{now: time.Unix(0, 0)}
	g := simtime.New(c, 0, nil)
	ctx, cancel := context.WithCancel(t.Context())
	woke := make(chan struct{})
	err := g.Run(2, func(i int) {
		if i == 1 {
			cancel()
			<-woke
			_ = g.Sleep(t.Context(), time.Second)
			return
		}
		if err := g.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		close(woke)
		if err := g.Sleep(t.Context(), 2*time.Second); err != nil {
			t.Error(err)
		}
		if d := c.Now().Sub(time.Unix(0, 0)); d != 2*time.Second {
			t.Errorf("after %v", d)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHeld: a function whose request is held waits until the request's time has passed.
func TestHeld(t *testing.T) {
	c := &clock{now: time.Unix(0, 0)}
	var hits atomic.Int64
	g := simtime.New(c, 5*time.Second, hits.Load)
	var order atomic.Int64
	err := g.Run(2, func(i int) {
		if i == 1 {
			if err := g.Sleep(t.Context(), 8*time.Second); err != nil {
				t.Error(err)
			}
			if order.Add(1) != 2 {
				t.Error("the later one was first")
			}
			return
		}
		hits.Add(1)
		for c.Now().Sub(time.Unix(0, 0)) < 5*time.Second && t.Context().Err() == nil { // the server
			time.Sleep(time.Millisecond)
		}
		if d := c.Now().Sub(time.Unix(0, 0)); d != 5*time.Second || order.Add(1) != 1 {
			t.Errorf("after %v", d)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTicks: no two looks see one time, and the clock never goes back, also where two wait
// for about the same time.
func TestTicks(t *testing.T) {
	ticks := simtime.Ticks()
	if a, b := ticks(), ticks(); !a.Before(b) {
		t.Errorf("%v and then %v", a, b)
	}
	c := &clock{now: time.Unix(0, 0), tick: time.Microsecond}
	g := simtime.New(c, 0, nil)
	err := g.Run(2, func(i int) { // Set fails if it goes back
		for range 20 {
			if err := g.Sleep(t.Context(), time.Second+time.Duration(i)*time.Nanosecond); err != nil {
				t.Error(err)
			}
			for range 100 * i {
				c.Now()
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}
