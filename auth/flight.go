package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/stall"
)

// errClosed is the error of a fetch whose transport was closed.
var errClosed = errors.New("the transport is closed")

// fetchLimit bounds one fetch of a token, with all its requests. It does not depend on
// the callers that wait for it. It is longer than the limit of one request, so that the
// error of that request is the one reported.
//
//rule:stalls-fetch-limit
const fetchLimit = stall.HeaderTime + 15*time.Second

// flights runs one fetch at a time for each key. Callers wait on their own
// contexts: one that gives up does not fail the others, and when the last one
// leaves, the fetch is cancelled. The lock also guards the owner's cache.
type flights[V any] struct {
	sync.Mutex
	flying  map[string]*flight[V]   // that can be joined
	running map[*flight[V]]struct{} // all, also those without waiters
	closed  bool
	work    sync.WaitGroup
}

type flight[V any] struct {
	done       chan struct{}
	cancel     context.CancelFunc
	waiters    int
	background bool // runs on without waiters
	value      V
	err        error
}

func (f *flights[V]) init() {
	f.flying = map[string]*flight[V]{}
	f.running = map[*flight[V]]struct{}{}
}

// get returns what have returns, or joins the fetch for key, or starts it. have and keep
// are called with the lock held, so that no other call runs between the end of a fetch
// and the call of keep.
func (f *flights[V]) get(ctx context.Context, key string, have func() (V, bool), fetch func(context.Context) (V, error),
	keep func(V)) (V, error) {
	var none V
	if err := ctx.Err(); err != nil {
		return none, err
	}
	f.Lock()
	if v, ok := have(); ok {
		f.Unlock()
		return v, nil
	}
	if f.closed {
		f.Unlock()
		return none, errClosed
	}
	fl := f.flying[key]
	if fl == nil {
		fl = f.start(ctx, key, fetch, keep, nil)
	}
	fl.waiters++
	f.Unlock()

	select {
	case <-fl.done:
		return fl.value, fl.err
	//rule:d6-get
	case <-ctx.Done():
	}
	f.Lock()
	defer f.Unlock()
	if fl.waiters--; fl.waiters == 0 && !fl.background {
		fl.cancel()
		// A new caller must not join a fetch that is being cancelled.
		if f.flying[key] == fl {
			delete(f.flying, key)
		}
	}
	return none, ctx.Err()
}

// renew starts a fetch for key in the background, unless one is under way or due
// returns false. due is called with the lock held.
func (f *flights[V]) renew(ctx context.Context, key string, due func() bool, fetch func(context.Context) (V, error),
	keep func(V), failed func(error)) {
	f.Lock()
	defer f.Unlock()
	if !f.closed && f.flying[key] == nil && due() {
		f.start(ctx, key, fetch, keep, failed).background = true
	}
}

// start begins a fetch; the lock is held. The fetch has the values of the caller's
// context, and does not end with it.
func (f *flights[V]) start(ctx context.Context, key string, fetch func(context.Context) (V, error), keep func(V),
	failed func(error)) *flight[V] {
	//rule:d1-start
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchLimit)
	fl := &flight[V]{done: make(chan struct{}), cancel: cancel}
	f.flying[key], f.running[fl] = fl, struct{}{}
	f.work.Go(func() {
		defer cancel()
		v, err := fetch(ctx)
		err = late(ctx, err)
		f.Lock()
		defer f.Unlock()
		delete(f.running, fl)
		if f.flying[key] == fl {
			delete(f.flying, key)
		}
		if err == nil {
			keep(v)
		} else if f.closed {
			err = errClosed
		} else if failed != nil {
			failed(err)
		}
		fl.value, fl.err = v, err
		close(fl.done)
	})
	return fl
}

// late returns the error of a fetch that its time limit ended, unless err is already an
// *acrkit.Error.
func late(ctx context.Context, err error) error {
	if _, ours := errors.AsType[*acrkit.Error](err); ours || !errors.Is(err, context.DeadlineExceeded) ||
		ctx.Err() == nil {
		return err
	}
	return &acrkit.Error{Code: acrkit.CodeUnavailable, Cause: cause.ConnectionTimeout, Op: "get a token",
		Reason: fmt.Sprintf("the token request was not complete within %s", fetchLimit), Errs: []error{err}}
}

// close cancels what is under way and waits for its end.
func (f *flights[V]) close() {
	f.Lock()
	f.closed = true
	for fl := range f.running {
		fl.cancel()
	}
	f.Unlock()
	f.work.Wait()
}
