package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

const (
	// callbackTime is how long a function of the caller's may take. It is less than
	// fetchLimit, so that the error says what took so long.
	//rule:password-function-callback-time
	callbackTime = stall.HeaderTime
	// callbackGrace is how long a function may take to return when its context has
	// ended.
	//rule:password-function-callback-grace
	callbackGrace = time.Second
)

// callback is a function of the caller's that gives secrets. One call runs at a
// time, also for several transports.
type callback[V any] struct {
	op   string // after "cannot"
	get  func(context.Context) (V, error)
	turn chan struct{}
}

func newCallback[V any](op string, get func(context.Context) (V, error)) callback[V] {
	return callback[V]{op, get, make(chan struct{}, 1)}
}

// call returns what the function returns. A call that does not return in time cannot be
// ended; the next call waits for it. A panic becomes an error,
// because the function runs on a goroutine of this package, where the caller cannot
// recover it.
func (c callback[V]) call(ctx context.Context) (V, error) {
	var none V
	if c.get == nil {
		return none, wire.Final(&acrkit.Error{Code: acrkit.CodeUsage, Op: c.op, Reason: "the function is nil"})
	}
	limited, cancel := context.WithTimeout(ctx, callbackTime)
	defer cancel()
	select {
	//rule:password-function-call
	case c.turn <- struct{}{}:
	case <-limited.Done():
		return none, c.late(ctx, "an earlier call of the function has not returned")
	}
	type result struct {
		value V
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-c.turn }()
		broken := func(reason string) result {
			return result{err: wire.Final(&acrkit.Error{Code: acrkit.CodeUsage, Op: c.op, Reason: reason})}
		}
		//rule:password-function-call-3
		r := broken("the function ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				// The value may be a secret; an error of the runtime is not.
				//rule:password-function-call-2
				reason := fmt.Sprintf("the function panicked with a value of type %T", p)
				if err, ok := p.(interface {
					error
					RuntimeError()
				}); ok {
					reason = "the function panicked: " + redact.Text(err.Error())
				}
				r = broken(reason)
			}
			done <- r
		}()
		value, err := c.get(limited)
		r = result{value, err}
	}()
	var grace <-chan time.Time
	ended := limited.Done()
	for {
		select {
		case r := <-done:
			return r.value, c.failure(ctx, limited, r.err)
		case <-ended:
			timer := time.NewTimer(callbackGrace)
			defer timer.Stop()
			ended, grace = nil, timer.C
		case <-grace:
			return none, c.late(ctx, tooLate)
		}
	}
}

var tooLate = fmt.Sprintf("the function has not returned within %s", callbackTime)

// late is the error of a call that took too long; ctx is the caller's.
func (c callback[V]) late(ctx context.Context, reason string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: c.op, Reason: reason}
}

// failure returns the error for the function's own error. An *acrkit.Error is returned
// unchanged.
func (c callback[V]) failure(ctx, limited context.Context, err error) error {
	if err == nil {
		return nil
	}
	if limited.Err() != nil && errors.Is(err, limited.Err()) {
		return c.late(ctx, tooLate)
	}
	if _, ours := errors.AsType[*acrkit.Error](err); ours {
		return err
	}
	// A vault's failure may be temporary, so the error allows another try.
	return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: c.op, Errs: []error{err}}
}
