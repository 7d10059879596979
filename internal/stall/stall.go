// Package stall bounds how long an HTTP exchange may make no progress. A server that
// accepts a connection and sends nothing, or a byte a second, must not block its client
// for ever, and a transfer that makes progress must never be ended. So an exchange has no
// limit as a whole; it has one for the header of its answer, and a least rate for its
// body.
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
	//rule:stalls-header-time
	HeaderTime = 30 * time.Second
	// WorkTime is the same for a request that a server works on before it answers: PUT,
	// which puts together a blob, DELETE, and any with a body of more than smallBody,
	// whose end may still be in the system's buffers when the wait begins.
	//rule:stalls-work-time
	WorkTime = 5 * time.Minute
	// BodyTime is how long a body may take for each BodyLeast bytes. Only the time spent
	// in Read counts.
	//rule:stalls-body-time
	BodyTime = 30 * time.Second
	// BodyLeast is how many bytes of a body must come in each BodyTime.
	//rule:stalls-body-least
	BodyLeast = 1 << 10

	// smallBody is the size of a request's body that fits into the system's buffers.
	//rule:stalls-small-body
	smallBody = 64 << 10
)

// Limits are the limits of a transport. A zero field means the constant.
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

// Wrap returns base with the limits of this package. It cancels a request by the
// request's context, which base must respect. A request that it cancels fails with an
// [*Error]; so does one that the deadline of its own context ends, and then the error is
// also [context.DeadlineExceeded].
//
// A wrapped transport may be the base of another: then the limits of the inner one count.
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
// within d: the name looked up, the connection made, TLS agreed on. It is for callers
// that need an early failure.
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
	if above, ok := parent.Value(headerTimerKey{}).(*headerTimer); ok {
		//rule:stalls-round-trip
		defer above.delegate(req.URL.Host)()
	}
	ctx, cancel := context.WithCancelCause(parent)
	w := &headerTimer{host: req.URL.Host, limit: t.headerLimit(req), cancel: cancel}
	w.connect, _ = parent.Value(connectKey{}).(time.Duration)
	ctx = context.WithValue(ctx, headerTimerKey{}, w)
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
	if failure != nil && parent.Err() == nil { // the header came just as the time ended
		_ = resp.Body.Close()
		return nil, failure
	}
	resp.Request = req
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, nil // no body, but a connection, which may be idle
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

type headerTimerKey struct{}

// headerTimer limits the wait for the header of one answer.
type headerTimer struct {
	host    string // that is asked
	limit   time.Duration
	connect time.Duration // 0 = limit
	cancel  context.CancelCauseFunc

	mu           sync.Mutex
	timer        *time.Timer
	connectTimer *time.Timer // for the connection; nil = it has no limit of its own
	start        time.Time
	deadline     time.Time
	paused       int // how many pause it: a read of the caller's body, or an inner transport
	ended        bool
	phase        Phase
	failure      *Error
}

func (w *headerTimer) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start = time.Now()
	w.deadline = w.start.Add(w.limit)
	w.timer = time.AfterFunc(w.limit, w.fire)
	if w.connect > 0 {
		w.connectTimer = time.AfterFunc(w.connect, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !w.ended && w.phase >= Lookup && w.phase <= Handshake {
				w.stop(w.connect)
			}
		})
	}
}

func (w *headerTimer) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.paused > 0 {
		return
	}
	if left := time.Until(w.deadline); left > 0 { // the deadline moved just as the time ended
		w.timer.Reset(left)
		return
	}
	w.stop(w.limit)
}

// stop ends the exchange; the lock is held.
func (w *headerTimer) stop(after time.Duration) {
	w.ended = true
	w.failure = &Error{Host: w.host, Phase: w.phase, After: after}
	w.cancel(w.failure)
}

func (w *headerTimer) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused++; w.paused == 1 && w.timer != nil {
		w.timer.Stop()
	}
}

// delegate pauses the timer while an inner transport sends to host, which may be another
// one. The function that it returns ends that.
func (w *headerTimer) delegate(host string) (end func()) {
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

// resume starts the whole time again, because there was progress.
func (w *headerTimer) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused--; w.paused == 0 && w.timer != nil && !w.ended {
		w.start = time.Now()
		w.deadline = w.start.Add(w.limit)
		w.timer.Reset(w.limit)
	}
}

// end stops the timer, and returns the error if the timer or the deadline of the
// caller's context ended the exchange, or nil.
func (w *headerTimer) end(parent context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	if w.connectTimer != nil {
		w.connectTimer.Stop()
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

// explains reports whether err of the base transport only says that the exchange was
// ended.
func (w *headerTimer) explains(parent context.Context, err error) bool {
	if _, ok := errors.AsType[*Error](err); ok {
		return false // of an inner exchange
	}
	return w.failure != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(parent))
}

// reach records the phase of the exchange. A late call, for a connection that was not
// used, changes nothing.
func (w *headerTimer) reach(p Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = max(w.phase, p)
}

func (w *headerTimer) trace() *httptrace.ClientTrace {
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

// requestBody is the body of a request. The timer is paused during a read, because that
// waits for the caller; a further read means that the connection took the bytes before.
type requestBody struct {
	io.ReadCloser
	timer *headerTimer
}

func (b *requestBody) Read(p []byte) (int, error) {
	//rule:stalls-read
	b.timer.pause()
	defer b.timer.resume()
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
	//rule:stalls-fire
	_ = b.ReadCloser.Close() // for a body that ignores its context
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
	//rule:stalls-read-2
	b.waited += time.Since(start)
	if b.came += int64(n); b.came >= b.least {
		//rule:stalls-read-3
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
