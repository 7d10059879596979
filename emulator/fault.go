package emulator

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/sentence"
)

// FaultKind is what a [Fault] does to a request.
type FaultKind string

// The kinds of faults. All are ours; what they answer is as the service is known
// to answer, where it is (docs/fidelity.md).
const (
	FaultThrottle     FaultKind = "throttle"     // 429 with Retry-After; of storage 503, as it throttles
	FaultStatus       FaultKind = "status"       // 500, 502, 503 or 504
	FaultUnauthorized FaultKind = "unauthorized" // 401 with an empty body and no challenge; of storage 403, which has no 401
	FaultDrop         FaultKind = "drop"         // the connection ends after AfterBytes of a body, the request's or the answer's
	FaultSlow         FaultKind = "slow"         // bodies pass at BytesPerSecond
	FaultHang         FaultKind = "hang"         // no answer until the client gives up
)

// FaultKinds returns all kinds of faults.
func FaultKinds() []FaultKind {
	return []FaultKind{FaultThrottle, FaultStatus, FaultUnauthorized, FaultDrop, FaultSlow, FaultHang}
}

// rule is the rule of the requests that a fault of the kind hits.
func (k FaultKind) rule() rule.ID { return rule.ID("fault-" + k) }

// Route is a class of requests that a [Fault] can be limited to.
type Route string

// The routes.
const (
	RouteToken          Route = "token"           // /oauth2/token
	RouteExchange       Route = "exchange"        // /oauth2/exchange
	RouteEntra          Route = "entra"           // the Entra authority
	RouteARM            Route = "arm"             // Azure Resource Manager
	RouteBase           Route = "base"            // /v2/ itself
	RouteCatalog        Route = "catalog"         // the lists of repositories
	RouteTags           Route = "tags"            // the lists of tags
	RouteReferrers      Route = "referrers"       // the referrers of a manifest
	RouteManifestGet    Route = "manifest-get"    // GET and HEAD
	RouteManifestPut    Route = "manifest-put"    // a push's last step
	RouteManifestDelete Route = "manifest-delete" // of a digest
	RouteBlobGet        Route = "blob-get"        // GET and HEAD
	RouteBlobUpload     Route = "blob-upload"     // uploads and mounts, all methods
	RouteBlobDelete     Route = "blob-delete"     // of a digest
	RouteACR            Route = "acr"             // /acr/v1 apart from lists of repositories and tags
	RouteStorage        Route = "storage"         // the second host, to which [Options.BlobRedirects] leads
)

// Routes returns all routes.
func Routes() []Route {
	return []Route{RouteToken, RouteExchange, RouteEntra, RouteARM, RouteBase, RouteCatalog, RouteTags, RouteReferrers,
		RouteManifestGet, RouteManifestPut, RouteManifestDelete, RouteBlobGet, RouteBlobUpload, RouteBlobDelete, RouteACR, RouteStorage}
}

// Limits on faults.
const (
	// MaxFaults is how many faults there may be at a time: each is looked at with
	// every request.
	MaxFaults = 100
	// MaxRetryAfter bounds what a Retry-After asks for.
	MaxRetryAfter = time.Hour
	// maxHang bounds how long a request is held whose client never gives up.
	maxHang = 10 * time.Minute
	// maxPrincipal is the longest name of a principal: a client id has 36
	// characters, a token's name 50.
	maxPrincipal = 256
)

// Fault is something that goes wrong on purpose. Of several faults that would
// hit a request, the one added first does; a request that it lets pass is offered
// to the next.
type Fault struct {
	ID   int64 // set by [Emulator.AddFault]
	Kind FaultKind

	Routes    []Route // which requests; none = all but those of the control API
	Registry  string  // only requests to this registry; "" = all
	Principal string  // only those of this token, client id or admin user, by its name; "" = everybody's. RouteStorage knows nobody

	// Rate is the share of requests that is hit, up to 1; 0 = 1. Which ones is
	// decided by a sequence that Seed alone determines: the same seed hits the
	// same of the matching requests, counted in the order of their arrival.
	Rate float64
	Seed uint64 // up to 2^53; 0 = one is chosen, and the list of faults shows it
	// Count ends the fault after so many hits; 0 = it lasts until it is removed.
	Count int64

	Status         int           // of FaultStatus
	RetryAfter     time.Duration // whole seconds; 0 = 1 s with FaultThrottle, no header with FaultStatus
	AfterBytes     int64         // of FaultDrop; 0 = before any answer
	BytesPerSecond int64         // of FaultSlow

	Seen int64 // requests that matched; not set by callers
	Hits int64 // requests that were hit; not set by callers
}

// maxFaultSeed is the largest seed: any reader of JSON keeps 53 bits.
const maxFaultSeed = 1 << 53

func (f *Fault) check(e *Emulator) error {
	bad := func(format string, args ...any) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "add the fault", Reason: fmt.Sprintf(format, args...)}
	}
	switch f.Kind {
	case FaultThrottle, FaultUnauthorized, FaultDrop, FaultHang:
	case FaultStatus:
		if !slices.Contains([]int{500, 502, 503, 504}, f.Status) {
			return bad("the status %d is none of 500, 502, 503 and 504", f.Status)
		}
	case FaultSlow:
		if f.BytesPerSecond < 1 {
			return bad("the kind slow wants bytes per second, at least 1")
		}
	default:
		return bad("%s is no kind of fault", quote(string(f.Kind)))
	}
	switch {
	case f.Kind != FaultStatus && f.Status != 0:
		return bad("a status belongs to the kind status, not to %s", f.Kind)
	case f.Kind != FaultSlow && f.BytesPerSecond != 0:
		return bad("bytes per second belong to the kind slow, not to %s", f.Kind)
	case f.Kind != FaultDrop && f.AfterBytes != 0:
		return bad("a number of bytes to drop after belongs to the kind drop, not to %s", f.Kind)
	case f.Kind != FaultThrottle && f.Kind != FaultStatus && f.RetryAfter != 0:
		return bad("a Retry-After belongs to the kinds throttle and status, not to %s", f.Kind)
	case f.AfterBytes < 0 || f.Count < 0:
		return bad("a number is negative")
	case f.RetryAfter < 0 || f.RetryAfter > MaxRetryAfter || f.RetryAfter%time.Second != 0:
		return bad("the Retry-After is not in whole seconds up to %v", MaxRetryAfter)
	case !(f.Rate >= 0 && f.Rate <= 1): // said so that NaN is refused
		return bad("the rate %v is not between 0 and 1", f.Rate)
	case f.Seed > maxFaultSeed:
		return bad("the seed is larger than %d", int64(maxFaultSeed))
	case len(f.Principal) > maxPrincipal:
		return bad("the principal's name is longer than %d bytes", maxPrincipal)
	}
	for _, r := range f.Routes {
		if !slices.Contains(Routes(), r) {
			return bad("%s is no route", quote(string(r)))
		}
	}
	if f.Registry != "" {
		if _, ok := e.ids.RegistryByName(f.Registry); !ok {
			return notFound("registry", f.Registry)
		}
	}
	return nil
}

// activeFault is a fault at work.
type activeFault struct {
	Fault // Seen and Hits under faults.mu
	dice  *rand.Rand
}

// faults are those at work. The request path looks at on alone while there are
// none.
type faults struct {
	on atomic.Bool

	mu   sync.Mutex
	next int64
	list []*activeFault
}

// AddFault lets something go wrong from the next request on, and returns the
// fault with its ID and seed. Faults are not kept over a restart.
//
// Errors: [acrkit.CodeUsage] for one that cannot be, and for more than
// [MaxFaults]; [acrkit.CodeNotFound] for an unknown registry.
func (e *Emulator) AddFault(f Fault) (Fault, error) {
	if err := f.check(e); err != nil {
		return Fault{}, err
	}
	f.Rate = cmp.Or(f.Rate, 1)
	f.Seen, f.Hits = 0, 0
	f.Routes = slices.Clone(f.Routes)
	for f.Seed == 0 {
		f.Seed = rand.Uint64N(maxFaultSeed) //nolint:gosec // a sequence to play with
	}
	if f.Kind == FaultThrottle {
		f.RetryAfter = cmp.Or(f.RetryAfter, time.Second)
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	if len(e.faults.list) >= MaxFaults {
		return Fault{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "add the fault", Reason: fmt.Sprintf("there are %d already", MaxFaults), Hint: sentence.Fix(sentence.RemoveFaults, nil)}
	}
	e.faults.next++
	f.ID = e.faults.next
	a := &activeFault{Fault: f, dice: rand.New(rand.NewPCG(f.Seed, f.Seed))} //nolint:gosec // as above
	e.faults.list = append(e.faults.list, a)
	e.faults.on.Store(true)
	return a.copy(), nil
}

func (a *activeFault) copy() Fault {
	f := a.Fault
	f.Routes = slices.Clone(f.Routes)
	return f
}

// Faults returns the faults at work, in the order in which they were added. One
// with a count is gone after its last hit.
func (e *Emulator) Faults() []Fault {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	out := []Fault{}
	for _, a := range e.faults.list {
		out = append(out, a.copy())
	}
	return out
}

// RemoveFault ends a fault. A request that it has hit already stays hit.
//
// Errors: [acrkit.CodeNotFound], also for one that ended by its count.
func (e *Emulator) RemoveFault(id int64) error {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	n := len(e.faults.list)
	e.faults.remove(func(a *activeFault) bool { return a.ID == id })
	if len(e.faults.list) == n {
		return &acrkit.Error{Code: acrkit.CodeNotFound, Op: fmt.Sprintf("remove the fault %d", id), Reason: "there is none of that number"}
	}
	return nil
}

// RemoveFaults ends all faults.
func (e *Emulator) RemoveFaults() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.remove(func(*activeFault) bool { return true })
}

func (s *faults) remove(gone func(*activeFault) bool) {
	s.list = slices.DeleteFunc(s.list, gone)
	s.on.Store(len(s.list) > 0)
}

// pick decides what happens to a request. who is asked at most once, and only if
// a fault wants to know.
func (s *faults) pick(route Route, registry string, who func() string) (Fault, bool) {
	principal := ""
	if s.asks(route, registry) {
		principal = who() // may verify a token: not under the lock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.list {
		if !a.concerns(route, registry) || a.Principal != "" && !strings.EqualFold(a.Principal, principal) {
			continue
		}
		a.Seen++
		if a.Rate < 1 && a.dice.Float64() >= a.Rate {
			continue
		}
		a.Hits++
		hit := a.copy()
		if a.Count > 0 && a.Hits >= a.Count {
			s.remove(func(x *activeFault) bool { return x == a })
		}
		return hit, true
	}
	return Fault{}, false
}

// asks reports whether a fault wants to know whose the request is.
func (s *faults) asks(route Route, registry string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.list, func(a *activeFault) bool { return a.Principal != "" && a.concerns(route, registry) })
}

func (a *activeFault) concerns(route Route, registry string) bool {
	return (len(a.Routes) == 0 || slices.Contains(a.Routes, route)) && (a.Registry == "" || strings.EqualFold(a.Registry, registry))
}

// String says what the fault does, for the decision log.
func (f Fault) String() string {
	s := fmt.Sprintf("fault %d: %s", f.ID, f.Kind)
	switch f.Kind {
	case FaultStatus:
		s += fmt.Sprintf(" %d %s", f.Status, http.StatusText(f.Status))
	case FaultThrottle:
		s += fmt.Sprintf(", Retry-After %d", int(f.RetryAfter.Seconds()))
	case FaultDrop:
		s += fmt.Sprintf(" after %d bytes", f.AfterBytes)
	case FaultSlow:
		s += fmt.Sprintf(" at %d bytes a second", f.BytesPerSecond)
	}
	return s
}
