package azureauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
)

// rewindWait is how long a second try waits for the first to let go of the body.
// net/http does so within a moment of the answer being closed.
const rewindWait = 10 * time.Second

// exclusive makes the body of req safe to be sent twice. All bodies that azcore's
// GetBody returns read from one and the same reader, while net/http may still read
// the first after an answer has come. So a second body waits until the first is
// closed, and reads it out: the client's digest calculator counts what passes it,
// up to the length of the body, and has to see all of it once before it is rewound.
func exclusive(req *http.Request) {
	if req.Body == nil || req.Body == http.NoBody || req.GetBody == nil {
		return
	}
	ctx, again := req.Context(), req.GetBody
	var mu sync.Mutex
	current := newTry(req.Body)
	req.Body = current
	req.GetBody = func() (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		if err := current.released(ctx); err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, current.body) // what fails here fails again below
		body, err := again()
		if err != nil {
			return nil, err
		}
		current = newTry(body)
		return current, nil
	}
}

// try is a body that tells when it is closed, and is not read after that.
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

func (t *try) released(ctx context.Context) error {
	timer := time.NewTimer(rewindWait)
	defer timer.Stop()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "send a request again", Reason: "its body is still in use"}
	}
}
