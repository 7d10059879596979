package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/answer"
)

// inject does to a request what a fault says, and reports whether that was the
// whole answer. Where it was not, the request goes on with another writer, and
// finish must be called at its end.
func (e *Emulator) inject(w http.ResponseWriter, r *http.Request, route Route, f Fault) (next http.ResponseWriter, finish func(), done bool) {
	switch f.Kind {
	case FaultThrottle:
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		fail(w, r, route, http.StatusTooManyRequests)
	case FaultStatus:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		fail(w, r, route, f.Status)
	case FaultUnauthorized:
		commonHeaders(w, route)
		answer.Empty(w, http.StatusUnauthorized)
	case FaultDrop:
		d := &dropper{ResponseWriter: w, body: r.Body, left: f.AfterBytes}
		if f.AfterBytes == 0 {
			panic(http.ErrAbortHandler)
		}
		r.Body = d
		return d, d.finish, false
	case FaultSlow:
		s := &slower{ResponseWriter: w, ctx: r.Context(), body: r.Body, perSecond: f.BytesPerSecond}
		r.Body = slowBody{s}
		return s, func() {}, false
	case FaultHang:
		e.hang(r)
		panic(http.ErrAbortHandler)
	}
	return w, nil, true
}

// injectStorage does to a request at the host of blobs what a fault says, in the
// words of Azure storage.
func (e *Emulator) injectStorage(w http.ResponseWriter, r *http.Request, f Fault) (next http.ResponseWriter, finish func(), done bool) {
	status := f.Status
	switch f.Kind {
	case FaultThrottle:
		status = http.StatusServiceUnavailable
	case FaultStatus:
	case FaultUnauthorized:
		status = http.StatusForbidden
	default:
		return e.inject(w, r, RouteStorage, f)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	e.data.FailStorage(w, status)
	return w, nil, true
}

// The words of answers that no registry gives while all is well.
const (
	// Reported by users of the service.
	tooManyRequests = "Too many requests. Please visit https://aka.ms/acr/skus#sku-feature-matrix to view limits of all service tiers."
	// Entra's documented number for a transient failure.
	entraTransient = "AADSTS90033: A transient error has occurred. Please try again."
)

// commonHeaders sets what every answer of a service has.
func commonHeaders(w http.ResponseWriter, route Route) {
	switch route {
	case RouteEntra, RouteARM:
	case RouteToken, RouteExchange:
		answer.Token(w)
	default:
		answer.Token(w)
		h := w.Header()
		h.Add("Strict-Transport-Security", h.Get("Strict-Transport-Security")) // twice (recorded)
		h.Set("Docker-Distribution-Api-Version", "registry/2.0")
		h.Set("X-Content-Type-Options", "nosniff")
	}
}

// fail answers a failure in the form of the service that a route belongs to. The
// registry's 429 is as users report it; the bodies of 5xx are believed: the
// reference implementation's for 500, those of the proxy in front of the service,
// which names itself in its Server header, for the others.
func fail(w http.ResponseWriter, r *http.Request, route Route, status int) {
	commonHeaders(w, route)
	switch {
	case route == RouteEntra:
		answer.JSON(w, status, map[string]any{"error": "temporarily_unavailable", "error_description": entraTransient, "error_codes": []int{90033}})
	case route == RouteARM:
		code := map[int]string{429: "TooManyRequests", 500: "InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout"}[status]
		answer.JSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": http.StatusText(status)}})
	case status == http.StatusTooManyRequests:
		answer.Errors(w, status, "TOOMANYREQUESTS", tooManyRequests)
	case status == http.StatusInternalServerError:
		answer.Errors(w, status, "UNKNOWN", "unknown error")
	default:
		title := strconv.Itoa(status) + " " + http.StatusText(status)
		w.Header().Set("Server", "openresty")
		w.Header().Set("Content-Type", "text/html")
		body := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n"
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			io.WriteString(w, body) // the client has gone
		}
	}
}

// servingKey is where a request carries the end of the listener it came by.
type servingKey struct{}

// ending returns a channel that is closed when the listener ends, nil where
// there is none.
func ending(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(servingKey{}).(<-chan struct{})
	return done
}

// hang waits until the client gives up, the emulator ends, or the longest time
// has passed. What the client sends is read and thrown away: only then does the
// HTTP server notice that it has gone.
func (e *Emulator) hang(r *http.Request) {
	// Not counted as under way: a reset need not wait for it.
	e.underWay.Add(-1)
	defer e.underWay.Add(1)
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, r.Body) // a client that stands still is not waited for
		read <- err
	}()
	timer := time.NewTimer(maxHang)
	defer timer.Stop()
	select {
	case err := <-read:
		if err != nil {
			return // only at the end of a body does the HTTP server notice that a client has gone
		}
		select {
		case <-r.Context().Done():
		case <-ending(r.Context()):
		case <-timer.C:
		}
	case <-r.Context().Done():
	case <-ending(r.Context()):
	case <-timer.C:
	}
}

// dropper ends the connection when enough bytes of a body have passed.
type dropper struct {
	http.ResponseWriter
	body    io.ReadCloser
	left    int64
	dropped bool
}

var errDropped = errors.New("a fault dropped the connection")

// Read reads of the request's body. Beyond the limit the body breaks off, as if
// the client had gone.
func (d *dropper) Read(b []byte) (int, error) {
	if d.left <= 0 {
		d.dropped = true
		return 0, fmt.Errorf("%w: %w", errDropped, io.ErrUnexpectedEOF)
	}
	n, err := d.body.Read(b[:min(int64(len(b)), d.left)])
	d.left -= int64(n)
	return n, err
}

// Close closes the request's body.
func (d *dropper) Close() error { return d.body.Close() }

// WriteHeader writes a status, unless the connection is to be dropped.
func (d *dropper) WriteHeader(status int) {
	if !d.dropped {
		d.ResponseWriter.WriteHeader(status)
	}
}

// Write writes of the answer's body up to the limit, and ends the connection
// there.
func (d *dropper) Write(b []byte) (int, error) {
	if d.dropped {
		return len(b), nil
	}
	if int64(len(b)) <= d.left {
		n, err := d.ResponseWriter.Write(b)
		d.left -= int64(n)
		return n, err
	}
	d.dropped = true
	if _, err := d.ResponseWriter.Write(b[:d.left]); err != nil {
		return 0, err
	}
	// What was written shall arrive before the connection ends.
	_ = http.NewResponseController(d.ResponseWriter).Flush()
	return 0, errDropped
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (d *dropper) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d *dropper) finish() {
	if d.dropped {
		panic(http.ErrAbortHandler) // net/http's own way to end a connection
	}
}

// slower passes bodies at a number of bytes per second, of the machine's own
// time.
type slower struct {
	http.ResponseWriter
	ctx       context.Context //nolint:containedctx // of the one request that it writes to
	body      io.ReadCloser
	perSecond int64
}

// slowPieces is how many pieces of a body pass in a second, so that it trickles.
const slowPieces = 10

func (s *slower) piece(n int) int { return int(min(int64(n), max(1, s.perSecond/slowPieces))) }

// pass waits as long as n bytes take.
func (s *slower) pass(n int) error {
	timer := time.NewTimer(time.Duration(float64(n) / float64(s.perSecond) * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-ending(s.ctx):
		return context.Canceled
	}
}

// Write writes slowly.
func (s *slower) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		k := s.piece(len(b))
		if err := s.pass(k); err != nil {
			return written, err
		}
		n, err := s.ResponseWriter.Write(b[:k])
		written += n
		if err == nil {
			err = http.NewResponseController(s.ResponseWriter).Flush()
		}
		if err != nil {
			return written, err
		}
		b = b[k:]
	}
	return written, nil
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (s *slower) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// slowBody is the request's body at the same speed.
type slowBody struct{ s *slower }

func (b slowBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.s.body.Read(p[:b.s.piece(len(p))])
	if n > 0 {
		if perr := b.s.pass(n); perr != nil && err == nil {
			err = perr
		}
	}
	return n, err
}

func (b slowBody) Close() error { return b.s.body.Close() }
