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

// retryLimits are the limits of azcore's retry policy. That policy reads Retry-After of
// responses only; the answers of a token service reach it as errors, which it retries
// after less than a second. So wait waits for the token service's Retry-After instead.
type retryLimits struct {
	tries   int64         // how many azcore makes
	longest time.Duration // the longest that azcore waits
}

// retryLimitsOf reads the options as azcore does. What a caller sets for one call by
// policy.WithRetryOptions cannot be read here.
func retryLimitsOf(o policy.RetryOptions) retryLimits {
	const defaultRetries, defaultLongest = 3, 60 * time.Second // azcore's, documented at policy.RetryOptions
	p := retryLimits{tries: int64(o.MaxRetries) + 1, longest: o.MaxRetryDelay}
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

// triesKey is the context key of the count of one call's tries.
type triesKey struct{}

// wait returns err, marked as final unless another try may succeed. If the service asked
// to wait and a try is left, it returns after that time; if the wait is too long for
// azcore's options or the caller's deadline, err is final at once.
func (l retryLimits) wait(ctx context.Context, err error) error {
	try := int64(1)
	if count, ok := ctx.Value(triesKey{}).(*atomic.Int64); ok {
		try = count.Add(1)
	}
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.RetryAfter <= 0 || e.Code != acrkit.CodeThrottled && e.Code != acrkit.CodeUnavailable ||
		try >= l.tries {
		return final(err)
	}
	if deadline, ok := ctx.Deadline(); e.RetryAfter > l.longest || ok && time.Until(deadline) < e.RetryAfter {
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
