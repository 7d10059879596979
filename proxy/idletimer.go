package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// idleTimer ends a transfer without progress. Without it a client or a registry that
// stops would hold its connections for ever.
type idleTimer struct {
	control *http.ResponseController
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	reading atomic.Bool // the client sends its body
	writing atomic.Bool // the client is sent an answer

	mu    sync.Mutex
	ended bool
	fired bool
}

// errIdle is the error of a request that was ended for lack of progress.
var errIdle = idleError{}

type idleError struct{}

func (idleError) Error() string { return "nothing was sent or received for " + idleLimit.String() }
func (idleError) Timeout() bool { return true }

func startIdleTimer(w http.ResponseWriter, cancel context.CancelCauseFunc) *idleTimer {
	k := &idleTimer{control: http.NewResponseController(w), cancel: cancel}
	k.timer = time.AfterFunc(idleLimit, k.fire)
	return k
}

// moved is called when bytes were transferred.
func (k *idleTimer) moved() { k.timer.Reset(idleLimit) }

func (k *idleTimer) fire() {
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

// stop stops the timer, and reports whether it had fired. After that the timer does not
// touch the connection, which may be another request's.
func (k *idleTimer) stop() bool {
	k.timer.Stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	return k.fired
}
