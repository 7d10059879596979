package rehearsal

import (
	"context"
	"sync/atomic"
)

// Gate holds requests back while a reset replaces the state. The zero value is open.
type Gate struct {
	shut     atomic.Pointer[barrier] // nil = open
	underWay atomic.Int64            // requests, apart from the control API's
}

// barrier is what requests wait for while the gate is shut.
type barrier struct {
	opened chan struct{} // closed when the gate opens
	idle   chan struct{} // of capacity 1: a token when the last request has left
}

// Enter counts a request as under way; it waits while the gate is shut. It reports
// false where the client gave up meanwhile.
func (g *Gate) Enter(ctx context.Context) bool {
	for {
		g.underWay.Add(1)
		b := g.shut.Load()
		if b == nil {
			return true
		}
		g.Leave()
		select {
		case <-b.opened:
		case <-ctx.Done():
			return false
		}
	}
}

// Leave counts a request as ended.
func (g *Gate) Leave() {
	if g.underWay.Add(-1) == 0 {
		if b := g.shut.Load(); b != nil {
			select {
			case b.idle <- struct{}{}:
			default:
			}
		}
	}
}

// UnderWay returns how many requests are under way.
func (g *Gate) UnderWay() int64 { return g.underWay.Load() }

// Shut shuts the gate until open is called. idle receives when the last request that
// was under way has left. One caller at a time.
func (g *Gate) Shut() (idle <-chan struct{}, open func()) {
	b := &barrier{opened: make(chan struct{}), idle: make(chan struct{}, 1)}
	g.shut.Store(b)
	return b.idle, func() {
		g.shut.Store(nil)
		close(b.opened)
	}
}
