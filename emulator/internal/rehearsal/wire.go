package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/answer"
)

// drop ends the connection when enough bytes of a body have passed.
func drop(_ *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (
	next http.ResponseWriter, finish func(), done bool,
) {
	if x.AfterBytes == 0 {
		panic(http.ErrAbortHandler)
	}
	d := &dropper{ResponseWriter: w, body: r.Body, left: x.AfterBytes}
	r.Body = d
	return d, d.finish, false
}

// slow lets bodies pass slowly.
func slow(_ *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (
	next http.ResponseWriter, finish func(), done bool,
) {
	s := &slower{ResponseWriter: w, ctx: r.Context(), body: r.Body, perSecond: x.BytesPerSecond}
	r.Body = slowBody{s}
	return s, func() {}, false
}

// tooLarge refuses a body that is too large: by its declared length, or else once
// too much of it has come.
func tooLarge(_ *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (
	next http.ResponseWriter, finish func(), done bool,
) {
	if r.ContentLength > x.AfterBytes {
		discard(r.Body)
		commonHeaders(w, x.route)
		page(w, r, http.StatusRequestEntityTooLarge, "AzureContainerRegistry")
		return w, nil, true
	}
	b := &bounder{ResponseWriter: w, request: r, body: r.Body, route: x.route, left: x.AfterBytes}
	r.Body = b
	return b, func() {}, false
}

// discard reads a body to its end: a client that still sends may not read an answer.
// A client that stalls is ended like any other.
func discard(body io.Reader) { _, _ = io.Copy(io.Discard, body) }

// The words of answers that no registry gives while all is well.
const (
	// Reported by users of the service.
	tooManyRequests = "Too many requests. Please visit https://aka.ms/acr/skus#sku-feature-matrix to view limits of " +
		"all service tiers."
	// Entra's documented number for a transient failure.
	entraTransient = "AADSTS90033: A transient error has occurred. Please try again."
)

// commonHeaders sets what every answer of a service has.
func commonHeaders(w http.ResponseWriter, route fault.Route) {
	switch route {
	case fault.RouteEntra, fault.RouteARM:
	case fault.RouteToken, fault.RouteExchange:
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
func fail(w http.ResponseWriter, r *http.Request, route fault.Route, status int) {
	commonHeaders(w, route)
	switch {
	case route == fault.RouteEntra:
		answer.JSON(w, status, map[string]any{"error": "temporarily_unavailable", "error_description": entraTransient,
			"error_codes": []int{90033}})
	case route == fault.RouteARM:
		code := map[int]string{429: "TooManyRequests", 500: "InternalServerError", 502: "BadGateway",
			503: "ServiceUnavailable", 504: "GatewayTimeout"}[status]
		answer.ARMError(w, status, code, http.StatusText(status))
	case status == http.StatusTooManyRequests:
		answer.Errors(w, status, "TOOMANYREQUESTS", tooManyRequests)
	case status == http.StatusInternalServerError:
		answer.Errors(w, status, "UNKNOWN", "unknown error")
	default:
		page(w, r, status, "openresty")
	}
}

// page writes the page of the proxy in front of the service, which names itself.
func page(w http.ResponseWriter, r *http.Request, status int, server string) {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	w.Header().Set("Server", server)
	w.Header().Set("Content-Type", "text/html")
	body := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>" + server + "</center>\r\n</body>\r\n</html>\r\n"
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.WriteString(w, body) // the client has gone
	}
}

// listenerKey is where a request carries the end of the listener it came by.
type listenerKey struct{}

// WithListener returns a context for the requests of a listener that ends with done.
func WithListener(ctx context.Context, done <-chan struct{}) context.Context {
	return context.WithValue(ctx, listenerKey{}, done)
}

// Ending returns a channel that is closed when the listener of a request ends, nil
// where there is none.
func Ending(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(listenerKey{}).(<-chan struct{})
	return done
}

// maxHang bounds how long a request hangs whose client never gives up.
//
//rule:listener-times-max-hang
const maxHang = 10 * time.Minute

// hang waits until the client gives up, the emulator ends, or maxHang has passed.
// What the client sends is read and discarded: only then does the HTTP server
// notice that it has gone.
func (h *Rehearsal) hang(r *http.Request) {
	// Not counted as under way: a reset need not wait for it.
	h.Gate.underWay.Add(-1)
	defer h.Gate.underWay.Add(1)
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, r.Body) // does not wait for a client that stalls
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
		case <-Ending(r.Context()):
		case <-timer.C:
		}
	case <-r.Context().Done():
	case <-Ending(r.Context()):
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
	// The client must get what was written before the connection ends.
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

// bounder answers 413 in place of the answer to a body that turned out too large.
type bounder struct {
	http.ResponseWriter
	request *http.Request
	body    io.ReadCloser
	route   fault.Route
	left    int64 // negative once it was too large
}

var errTooLarge = errors.New("a fault limits the body")

// Read reads of the request's body up to the bound.
func (b *bounder) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left+1)])
	//rule:upload-faults-read
	if b.left -= int64(n); b.left < 0 {
		discard(b.body)
		return 0, errTooLarge
	}
	return n, err
}

// Close closes the request's body.
func (b *bounder) Close() error { return b.body.Close() }

// WriteHeader writes a status, or 413 and its page.
func (b *bounder) WriteHeader(status int) {
	if b.left >= 0 {
		b.ResponseWriter.WriteHeader(status)
		return
	}
	h := b.Header()
	correlation := h[answer.CorrelationHeader]
	clear(h)
	h[answer.CorrelationHeader] = correlation
	commonHeaders(b.ResponseWriter, b.route)
	page(b.ResponseWriter, b.request, http.StatusRequestEntityTooLarge, "AzureContainerRegistry")
}

// Write writes of the answer's body, unless 413 took its place.
func (b *bounder) Write(p []byte) (int, error) {
	if b.left >= 0 {
		return b.ResponseWriter.Write(p)
	}
	return len(p), nil
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (b *bounder) Unwrap() http.ResponseWriter { return b.ResponseWriter }

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
	case <-Ending(s.ctx):
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
