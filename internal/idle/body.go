package idle

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// MaxUnread is how much is read of a body that the answer did not need. The Azure SDK
	// for Python first sends each 4 MiB chunk of an upload without a token, to get the
	// challenge; if the connection is closed during the body, it reads an end of file
	// instead.
	//rule:unread-bodies-max-unread
	MaxUnread = 16 << 20
	// UnreadTime is how long such a body is read, at any speed.
	//rule:unread-bodies-unread-time
	UnreadTime = time.Minute
)

// past is a deadline that ends a read at once.
var past = time.Unix(1, 0)

// Body is a request's body that is read under the limit. A nil *Body is that of a
// request without one; its methods do nothing.
type Body struct {
	server  *Server
	from    io.Reader
	control *http.ResponseController
	asks    bool // the client waits before it sends it: "Expect: 100-continue"

	mu       sync.Mutex
	progress progress
	until    time.Time // when reading ends, at any speed; zero = never
	begun    bool
	done     bool
	err      error // sticky; [io.EOF] at the end
}

// Body puts a request's body under the limit, by the read deadline of its
// connection; a ResponseWriter that has none leaves it without a limit. Done must
// be called when the handler ends.
func (s *Server) Body(w http.ResponseWriter, r *http.Request) *Body {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	b := &Body{server: s, from: r.Body, control: http.NewResponseController(w), asks: r.Header.Get("Expect") != ""}
	r.Body = b
	s.add(b)
	return b
}

// Read implements [io.Reader]. It returns [ErrStalled] when the client has made no
// progress for too long.
func (b *Body) Read(p []byte) (int, error) {
	if err := b.begin(); err != nil {
		return 0, err
	}
	n, err := b.from.Read(p)
	return n, b.end(n, err)
}

func (b *Body) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return b.err
	case b.done:
		return http.ErrBodyReadAfterClose
	}
	b.begun = true
	//rule:standing-still-begin
	b.progress.begin()
	b.setDeadline()
	return nil
}

// setDeadline is called with the lock, while the body is read.
func (b *Body) setDeadline() {
	at := b.progress.deadline(b.server.readLimit())
	if !b.until.IsZero() && b.until.Before(at) {
		at = b.until
	}
	//rule:standing-still-set-deadline
	_ = b.control.SetReadDeadline(at) // not every ResponseWriter can
}

func (b *Body) end(n int, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	stalled := !time.Now().Before(b.progress.deadline(b.server.readLimit()))
	b.progress.end(int64(n))
	if isTimeout(err) && stalled {
		err = ErrStalled
	}
	b.err = err // at the end, net/http removes the deadline
	return err
}

func (b *Body) adjust() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done && !b.progress.since.IsZero() {
		b.setDeadline()
	}
}

// Close implements [io.Closer]. It does nothing: net/http closes the underlying body,
// which may wait for the rest of it.
func (b *Body) Close() error { return nil }

// Drain reads the rest, up to [MaxUnread] and for up to [UnreadTime], once. A client that
// waits for "100 Continue" and did not get it has sent no body.
func (b *Body) Drain() {
	if b == nil || !b.await() {
		return
	}
	_, _ = io.CopyN(io.Discard, b, MaxUnread) // the next read returns the error
}

func (b *Body) await() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.until.IsZero() {
		return false
	}
	b.until = time.Now().Add(UnreadTime)
	return b.begun || !b.asks
}

// Done ends the limit. If the body was not read to its end, net/http does not read the
// rest either: the connection is closed after the answer.
func (b *Body) Done() {
	if b == nil {
		return
	}
	b.server.remove(b)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = true
	//rule:unread-bodies-done
	if !errors.Is(b.err, io.EOF) {
		_ = b.control.SetReadDeadline(past)
	}
}
