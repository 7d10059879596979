package azureauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
)

// rewindWait is how long a second try waits for the first to close the body. net/http
// closes it soon after the answer is closed.
//
//rule:client-limits-rewind-wait
const rewindWait = 10 * time.Second

// refusalBody bounds what is kept of a refusal that came before the request's body was
// sent; real ones have some hundred bytes.
//
//rule:client-limits-refusal-body
const refusalBody = 64 << 10

// shared is a request body that may be sent twice: by package auth, after a 401,
// and by azcore, after a failure that it retries. All bodies that azcore's GetBody
// returns, and all its tries, read from one and the same reader, while net/http may
// still read the first after an answer has come. So a second try waits until the
// first is closed, and reads it out: the client's digest calculator counts what
// passes it, up to the length of the body, and has to see all of it once before it
// is rewound.
type shared struct {
	again func() (io.ReadCloser, error)

	mu      sync.Mutex
	current *try
}

// share puts a shared body into req, or returns nil if it has none to send twice.
func share(req *http.Request) *shared {
	if req.Body == nil || req.Body == http.NoBody || req.GetBody == nil {
		return nil
	}
	ctx := req.Context()
	s := &shared{again: req.GetBody, current: newTry(req.Body)}
	req.Body, req.GetBody = s.current, func() (io.ReadCloser, error) { return s.rewind(ctx) }
	return s
}

func (s *shared) rewind(ctx context.Context) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.current.wait(ctx); err != nil {
		return nil, err
	}
	s.current.readOut()
	body, err := s.again()
	if err != nil {
		return nil, err
	}
	s.current = newTry(body)
	return s.current, nil
}

// settle makes a failed request's body ready for azcore's next try. A refusal that
// came early is read first: that ends the sending.
func (s *shared) settle(ctx context.Context, resp *http.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if resp != nil && resp.Body != nil && !s.current.isReleased() {
		data, err := io.ReadAll(io.LimitReader(resp.Body, refusalBody+1))
		if err != nil || len(data) > refusalBody {
			resp.Body = &joined{io.MultiReader(bytes.NewReader(data), resp.Body), resp.Body}
			return
		}
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(data))
	}
	if s.current.wait(ctx) == nil && triedAgain(resp) {
		s.current.readOut()
	}
}

// triedAgain reports whether azcore's retry policy, left as it is, makes another
// try after the answer; nil means none came. After other refusals the client rewinds its
// calculator itself, and the rest of a large body need not be read.
func triedAgain(resp *http.Response) bool {
	return resp == nil || resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests ||
		resp.StatusCode == http.StatusRequestTimeout
}

// joined is a body of which some was read before.
type joined struct {
	io.Reader
	io.Closer
}

// try is a body that signals when it is closed, and is not read after that.
type try struct {
	body   io.ReadCloser
	mu     sync.Mutex // held while the body is read
	isDone bool
	done   chan struct{}
}

func newTry(body io.ReadCloser) *try { return &try{body: body, done: make(chan struct{})} }

var errClosed = errors.New("the request body is closed")

func (t *try) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isDone {
		return 0, errClosed
	}
	return t.body.Read(p)
}

func (t *try) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isDone {
		return nil
	}
	t.isDone = true
	close(t.done)
	return t.body.Close()
}

func (t *try) isReleased() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// readOut reads the rest of a closed body. A failure is returned again when the body is
// rewound.
func (t *try) readOut() { _, _ = io.Copy(io.Discard, t.body) }

// wait returns when the body is closed.
func (t *try) wait(ctx context.Context) error {
	timer := time.NewTimer(rewindWait)
	defer timer.Stop()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "send a request again",
			Reason: "its body is still in use"}
	}
}
