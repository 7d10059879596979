package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// body is a client's body on its way up. It can be taken back: the transport may
// read from it in a goroutine of its own for a while after it has returned, and a
// request's body must not be read after its handler.
type body struct {
	from  io.Reader
	watch *watch

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
		b.watch.moved()
	}
	switch {
	case err == io.EOF:
		b.done = true
		b.watch.reading.Store(false)
	case err != nil && b.err == nil && !b.back.Load():
		b.err = err
	}
	return n, err
}

// Close implements [io.Closer]. What is left is the handler's business.
func (b *body) Close() error {
	b.back.Store(true)
	return nil
}

// takeBack waits until nobody reads, and reports whether all was read. A client that
// has stopped in the middle is waited for no longer than [idle.ReadTime].
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
