package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// watch ends a transfer in which nothing moves any more. Without it a client or a
// registry that stands still would hold its connections for ever.
type watch struct {
	control *http.ResponseController
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	reading atomic.Bool // the client is to send its body
	writing atomic.Bool // it is sent an answer

	mu    sync.Mutex
	ended bool
	fired bool
}

// errIdle is why a request was ended in which nothing moved.
var errIdle = idleError{}

type idleError struct{}

func (idleError) Error() string { return "nothing was sent or received for " + idleLimit.String() }
func (idleError) Timeout() bool { return true }

func startWatch(w http.ResponseWriter, cancel context.CancelCauseFunc) *watch {
	k := &watch{control: http.NewResponseController(w), cancel: cancel}
	k.timer = time.AfterFunc(idleLimit, k.fire)
	return k
}

// moved says that bytes went through.
func (k *watch) moved() { k.timer.Reset(idleLimit) }

func (k *watch) fire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return
	}
	k.fired = true
	k.cancel(errIdle)
	past := time.Unix(1, 0)
	if k.reading.Load() {
		_ = k.control.SetReadDeadline(past) // not every ResponseWriter can
	}
	if k.writing.Load() {
		_ = k.control.SetWriteDeadline(past)
	}
}

// stop ends the watch, and reports whether it had come to its end by itself. After
// it nothing is done to the connection, which may be another request's.
func (k *watch) stop() bool {
	k.timer.Stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	return k.fired
}
