package fault

import (
	"fmt"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wording"
)

// Limits on faults.
const (
	// Max is how many faults there may be at a time: each is compared with every
	// request.
	//rule:emulator-limits-max-faults
	Max = 100
	// MaxRetryAfter bounds what a Retry-After asks for.
	//rule:emulator-limits-max-retry-after
	MaxRetryAfter = time.Hour
	// MaxDelay bounds a Delay.
	//rule:emulator-limits-max-delay
	MaxDelay = time.Hour
	// maxPrincipal is the longest name of a principal: a client id has 36
	// characters, a token's name 50.
	maxPrincipal = 256
	// MaxSeed is the largest Seed: any reader of JSON keeps 53 bits.
	MaxSeed = 1 << 53
)

// Fault is a failure on purpose. If several faults match a request, the one that
// was added first decides whether it hits; if it does not, the next one decides.
type Fault struct {
	ID   int64 // set when the fault is added
	Kind Kind

	Routes    []Route // which requests; none = all but those of the control API
	Registry  string  // only requests to this registry; "" = all
	Principal string  // only those of this token, client id or admin user, by its name; "" = all. Never on RouteStorage

	// Rate is the share of requests that is hit, up to 1; 0 = 1. Which ones is
	// decided by a sequence that Seed alone determines: the same seed hits the
	// same of the matching requests, counted in the order of their arrival.
	Rate float64
	Seed uint64 // up to 2^53; 0 = one is chosen, and the list of faults shows it
	// Count ends the fault after so many hits; 0 = it lasts until it is removed.
	Count int64

	Status         int           // of the kind Status
	RetryAfter     time.Duration // whole seconds; 0 = 1 s with Throttle, no header with Status
	AfterBytes     int64         // of Drop, 0 = before any answer; of TooLarge, the largest body that passes
	BytesPerSecond int64         // of Slow
	Delay          time.Duration // of LateWrite and LatePassword, by the emulator's clock; whole seconds

	Seen int64 // requests that matched; not set by callers
	Hits int64 // requests that were hit; not set by callers
}

// Check reports whether a fault can be added.
//
// Errors: [acrkit.CodeUsage].
func (f *Fault) Check() error {
	bad := func(format string, args ...any) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "add the fault", Reason: fmt.Sprintf(format, args...)}
	}
	k := f.Kind
	if k.row().name == "" {
		return bad("%s is no kind of fault", wording.Quote(string(k)))
	}
	for _, x := range []struct {
		parameter Parameter
		given     bool
		what      string
	}{
		{ParameterStatus, f.Status != 0, "status"},
		{ParameterRetryAfter, f.RetryAfter != 0, "Retry-After"},
		{ParameterAfterBytes, f.AfterBytes != 0, "number of bytes"},
		{ParameterBytesPerSecond, f.BytesPerSecond != 0, "bytes per second"},
		{ParameterDelay, f.Delay != 0, "delay"},
	} {
		//rule:upload-faults-check-2
		if x.given && !k.Takes(x.parameter) {
			return bad("the kind %s takes no %s", k, x.what)
		}
	}
	switch {
	case k.Takes(ParameterStatus) && !slices.Contains([]int{500, 502, 503, 504}, f.Status):
		return bad("the status %d is none of 500, 502, 503 and 504", f.Status)
	case k.Takes(ParameterBytesPerSecond) && f.BytesPerSecond < 1:
		return bad("the kind %s wants bytes per second, at least 1", k)
	case k.Takes(ParameterDelay) && (f.Delay < time.Second || f.Delay > MaxDelay || f.Delay%time.Second != 0):
		return bad("the kind %s wants a delay in whole seconds, at least 1, up to %v", k, MaxDelay)
	case f.AfterBytes < 0 || f.Count < 0:
		return bad("a number is negative")
	case f.RetryAfter < 0 || f.RetryAfter > MaxRetryAfter || f.RetryAfter%time.Second != 0:
		return bad("the Retry-After is not in whole seconds up to %v", MaxRetryAfter)
	case !(f.Rate >= 0 && f.Rate <= 1): // said so that NaN is refused
		return bad("the rate %v is not between 0 and 1", f.Rate)
	case f.Seed > MaxSeed:
		return bad("the seed is larger than %d", int64(MaxSeed))
	case len(f.Principal) > maxPrincipal:
		return bad("the principal's name is longer than %d bytes", maxPrincipal)
	}
	for _, r := range f.Routes {
		if !slices.Contains(Routes(), r) {
			return bad("%s is no route", wording.Quote(string(r)))
		}
		//rule:upload-faults-check
		if !k.Hits(r) {
			return bad("the kind %s hits no request of the route %s", k, r)
		}
	}
	return nil
}

// Effect says what the fault does, with its parameters.
func (f Fault) Effect() string {
	if effect := f.Kind.row().effect; effect != nil {
		return effect(f)
	}
	return string(f.Kind)
}

// String names the fault and says what it does, for the decision log.
func (f Fault) String() string { return fmt.Sprintf("fault %d: %s", f.ID, f.Effect()) }
