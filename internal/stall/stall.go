// Package stall bounds how long an HTTP exchange may stand still. A server that
// accepts a connection and says nothing, or a byte a second, must not hold its
// client for ever, and a transfer that moves must never be cut, however long it
// takes. So no exchange has a limit as a whole; each has one for the header of its
// answer, and one for the least that must come of its body.
package stall

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

const (
	// HeaderTime is how long the whole header of an answer may take, with the
	// connection that it needs.
	HeaderTime = 30 * time.Second
	// WorkTime is the same for a request after which a server has work to do before
	// it answers: PUT, which puts together a blob, DELETE, and any with a body of more
	// than smallBody, the end of which may still be on its way when the last byte was
	// handed to the system.
	WorkTime = 5 * time.Minute
	// BodyTime is how long a body may take for each BodyLeast bytes. Only the time
	// in which somebody waits for them counts.
	BodyTime = 30 * time.Second
	// BodyLeast is the least of a body that must come in BodyTime.
	BodyLeast = 1 << 10

	// smallBody is a request's body that the system takes at once.
	smallBody = 64 << 10
)

// Limits are the limits of a transport. A zero field is the constant.
type Limits struct {
	Header time.Duration // HeaderTime
	Work   time.Duration // WorkTime
	Body   time.Duration // BodyTime
	Least  int64         // BodyLeast, in bytes
}

// transport is an [http.RoundTripper] with limits.
type transport struct {
	base   http.RoundTripper
	limits Limits
}

// Wrap returns base with the limits of this package. It ends a request by the
// request's context, which base must heed, as a RoundTripper should. What it ends
// fails with an [*Error]; so does a request that the deadline of its own context
// ends, which then also is [context.DeadlineExceeded].
//
// One wrapped transport may stand above another: the one below, which knows more
// of the exchange, counts.
func Wrap(base http.RoundTripper) http.RoundTripper { return WrapWith(base, Limits{}) }

// WrapWith is Wrap with other limits.
func WrapWith(base http.RoundTripper, l Limits) http.RoundTripper {
	or := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	or(&l.Header, HeaderTime)
	or(&l.Work, WorkTime)
	or(&l.Body, BodyTime)
	if l.Least == 0 {
		l.Least = BodyLeast
	}
	return &transport{base, l}
}

type connectKey struct{}

// WithConnectTime returns a context for whose requests a connection must be there
// within d: the name looked up, the connection made, TLS agreed on. It is for who
// would rather know than wait.
func WithConnectTime(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, connectKey{}, d)
}

// CloseIdleConnections passes on what [http.Client.CloseIdleConnections] asks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	parent := req.Context()
	if above, ok := parent.Value(watchKey{}).(*watch); ok {
		defer above.lend(req.URL.Host)()
	}
	ctx, cancel := context.WithCancelCause(parent)
	w := &watch{host: req.URL.Host, limit: t.headerLimit(req), cancel: cancel}
	w.connect, _ = parent.Value(connectKey{}).(time.Duration)
	ctx = context.WithValue(ctx, watchKey{}, w)
	out := req.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	if hasBody(req) {
		out.Body = &requestBody{req.Body, w}
		if req.GetBody != nil {
			out.GetBody = func() (io.ReadCloser, error) {
				body, err := req.GetBody()
				if err != nil {
					return nil, err
				}
				return &requestBody{body, w}, nil
			}
		}
	}
	w.begin()
	resp, err := t.base.RoundTrip(out)
	failure := w.end(parent)
	if err != nil {
		cancel(nil)
		if failure != nil && w.explains(parent, err) {
			return nil, failure
		}
		return nil, err
	}
	if failure != nil && parent.Err() == nil { // the header came in the moment of its end
		_ = resp.Body.Close()
		return nil, failure
	}
	resp.Request = req
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, nil // no body, but a connection, which may rest
	}
	resp.Body = &responseBody{ReadCloser: resp.Body, host: req.URL.Host, parent: parent, ctx: ctx, cancel: cancel,
		time: t.limits.Body, least: t.limits.Least}
	return resp, nil
}

func (t *transport) headerLimit(req *http.Request) time.Duration {
	if req.Method == http.MethodPut || req.Method == http.MethodDelete || hasBody(req) && (req.ContentLength <= 0 ||
		req.ContentLength > smallBody) {
		return t.limits.Work
	}
	return t.limits.Header
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

type watchKey struct{}

// watch waits for the header of one answer.
type watch struct {
	host    string // that is asked
	limit   time.Duration
	connect time.Duration // 0 = limit
	cancel  context.CancelCauseFunc

	mu       sync.Mutex
	timer    *time.Timer
	hurry    *time.Timer // for the connection; nil = there is no own limit
	start    time.Time
	deadline time.Time
	paused   int // what else counts now: the caller's body is read, or a transport below waits
	ended    bool
	phase    Phase
	failure  *Error
}

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start = time.Now()
	w.deadline = w.start.Add(w.limit)
	w.timer = time.AfterFunc(w.limit, w.fire)
	if w.connect > 0 {
		w.hurry = time.AfterFunc(w.connect, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !w.ended && w.phase >= Lookup && w.phase <= Handshake {
				w.stop(w.connect)
			}
		})
	}
}

func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.paused > 0 {
		return
	}
	if left := time.Until(w.deadline); left > 0 { // it was put off in the moment of its end
		w.timer.Reset(left)
		return
	}
	w.stop(w.limit)
}

// stop ends the exchange; the lock is held.
func (w *watch) stop(after time.Duration) {
	w.ended = true
	w.failure = &Error{Host: w.host, Phase: w.phase, After: after}
	w.cancel(w.failure)
}

func (w *watch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused++; w.paused == 1 && w.timer != nil {
		w.timer.Stop()
	}
}

// lend pauses for a transport below, which asks a host that may be another one. The
// function ends that.
func (w *watch) lend(host string) (end func()) {
	w.pause()
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.host
	w.host = host
	return func() {
		w.mu.Lock()
		w.host = own
		w.mu.Unlock()
		w.resume()
	}
}

// resume gives the whole time again: something has moved.
func (w *watch) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused--; w.paused == 0 && w.timer != nil && !w.ended {
		w.start = time.Now()
		w.deadline = w.start.Add(w.limit)
		w.timer.Reset(w.limit)
	}
}

// end ends the watch, and returns why the exchange was ended, by it or by the
// deadline of the caller's context; nil if neither has.
func (w *watch) end(parent context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	if w.hurry != nil {
		w.hurry.Stop()
	}
	w.ended = true
	switch {
	case w.failure != nil:
		return w.failure
	case parent.Err() == context.DeadlineExceeded:
		return &Error{Host: w.host, Phase: w.phase, After: time.Since(w.start), cause: parent.Err()}
	}
	return nil
}

// explains reports whether err, of the transport below, says no more than that the
// exchange was ended.
func (w *watch) explains(parent context.Context, err error) bool {
	if _, ok := errors.AsType[*Error](err); ok {
		return false // of an exchange further below
	}
	return w.failure != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(parent))
}

// reach notes how far the exchange has come. What is told late, of a connection
// that was not used in the end, changes nothing.
func (w *watch) reach(p Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = max(w.phase, p)
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { // again, if the first connection was a dead one
			w.mu.Lock()
			defer w.mu.Unlock()
			w.phase = Begun
		},
		DNSStart:             func(httptrace.DNSStartInfo) { w.reach(Lookup) },
		ConnectStart:         func(string, string) { w.reach(Connect) },
		TLSHandshakeStart:    func() { w.reach(Handshake) },
		GotConn:              func(httptrace.GotConnInfo) { w.reach(Sending) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { w.reach(Waiting) },
		GotFirstResponseByte: func() { w.reach(Header) },
	}
}

// requestBody is the body of a request. While the caller's is read, it is the
// caller who is waited for; each piece that was read has been asked for by a
// connection that took the one before it.
type requestBody struct {
	io.ReadCloser
	watch *watch
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.watch.pause()
	defer b.watch.resume()
	return b.ReadCloser.Read(p)
}

// responseBody is the body of an answer. It is read by one goroutine at a time.
type responseBody struct {
	io.ReadCloser
	host   string
	parent context.Context //nolint:containedctx // it ends the body's reading
	ctx    context.Context //nolint:containedctx // likewise
	cancel context.CancelCauseFunc

	time   time.Duration
	least  int64
	timer  *time.Timer
	waited time.Duration // since least bytes came last
	came   int64         // since then
}

func (b *responseBody) fire() {
	b.cancel(&Error{Host: b.host, Phase: Body, After: b.time, Least: b.least})
	_ = b.ReadCloser.Close() // a body that does not heed the context may heed this
}

func (b *responseBody) Read(p []byte) (int, error) {
	start := time.Now()
	if b.timer == nil {
		b.timer = time.AfterFunc(b.time, b.fire)
	} else {
		b.timer.Reset(b.time - b.waited)
	}
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.waited += time.Since(start)
	if b.came += int64(n); b.came >= b.least {
		b.came, b.waited = 0, 0
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if stalled, ok := context.Cause(b.ctx).(*Error); ok { //nolint:errorlint // it is the very cause
		return n, stalled
	}
	if b.parent.Err() == context.DeadlineExceeded {
		return n, &Error{Host: b.host, Phase: Body, After: b.waited, Least: b.least, cause: b.parent.Err()}
	}
	return n, err
}

// Close implements [io.Closer].
func (b *responseBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
