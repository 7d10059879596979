package azureauth

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acrkit/acrkit"
)

// patience is how azcore's retry policy, which knows Retry-After of a response
// alone, is made to keep that of a token service: its answers arrive as errors,
// and those azcore tries again after less than a second.
type patience struct {
	tries   int64         // how many azcore makes
	longest time.Duration // what azcore would wait for
}

// patienceOf reads the options as azcore does. What a caller sets for one call by
// policy.WithRetryOptions cannot be read here.
func patienceOf(o policy.RetryOptions) patience {
	const defaultRetries, defaultLongest = 3, 60 * time.Second // azcore's, documented at policy.RetryOptions
	p := patience{tries: int64(o.MaxRetries) + 1, longest: o.MaxRetryDelay}
	switch {
	case o.MaxRetries == 0:
		p.tries = defaultRetries + 1
	case o.MaxRetries < 0:
		p.tries = 1
	}
	switch {
	case o.MaxRetryDelay == 0:
		p.longest = defaultLongest
	case o.MaxRetryDelay < 0:
		p.longest = math.MaxInt64
	}
	return p
}

// triesKey is where the tries of one call are counted.
type triesKey struct{}

// wait returns err, marked as final where another try would change nothing. Where
// the service asked to wait, it returns when the time is over and a try is left;
// a wait that is too long, for azcore's options or the caller's deadline, is final
// at once.
func (p patience) wait(ctx context.Context, err error) error {
	try := int64(1)
	if count, ok := ctx.Value(triesKey{}).(*atomic.Int64); ok {
		try = count.Add(1)
	}
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.RetryAfter <= 0 || e.Code != acrkit.CodeThrottled && e.Code != acrkit.CodeUnavailable || try >= p.tries {
		return final(err)
	}
	if deadline, ok := ctx.Deadline(); e.RetryAfter > p.longest || ok && time.Until(deadline) < e.RetryAfter {
		return nonRetriable{err}
	}
	timer := time.NewTimer(e.RetryAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
		return final(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}
