package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// body is a client's body that is sent to the registry. It can be taken back: the
// transport may still read from it in another goroutine after it has returned, and a
// request's body must not be read after its handler.
type body struct {
	from  io.Reader
	timer *idleTimer

	back atomic.Bool // taken back

	mu   sync.Mutex // held while reading
	done bool       // to its end
	err  error      // what ended it before
}

var errTakenBack = errors.New("the request was answered before all of it was sent")

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.back.Load() {
		return 0, errTakenBack
	}
	n, err := b.from.Read(p)
	if n > 0 {
		b.timer.moved()
	}
	switch {
	case err == io.EOF:
		b.done = true
		b.timer.reading.Store(false)
	case err != nil && b.err == nil && !b.back.Load():
		b.err = err
	}
	return n, err
}

// Close implements [io.Closer]. The handler reads the rest.
func (b *body) Close() error {
	b.back.Store(true)
	return nil
}

// takeBack waits until no read is under way, and reports whether all was read. It waits
// at most [idle.ReadTime] for a client that has stopped sending.
func (b *body) takeBack() (whole bool) {
	b.back.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

// failure returns why the client's body ended early, or nil.
func (b *body) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
