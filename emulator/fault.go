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
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// Route is a class of requests that a [Fault] can be limited to.
type Route = fault.Route

// The routes.
const (
	RouteToken          = fault.Token
	RouteExchange       = fault.Exchange
	RouteEntra          = fault.Entra
	RouteARM            = fault.ARM
	RouteBase           = fault.Base
	RouteCatalog        = fault.Catalog
	RouteTags           = fault.Tags
	RouteReferrers      = fault.Referrers
	RouteManifestGet    = fault.ManifestGet
	RouteManifestPut    = fault.ManifestPut
	RouteManifestDelete = fault.ManifestDelete
	RouteBlobGet        = fault.BlobGet
	RouteBlobUpload     = fault.BlobUpload
	RouteBlobDelete     = fault.BlobDelete
	RouteACR            = fault.ACR
	RouteStorage        = fault.Storage
)

// Routes returns all routes.
func Routes() []Route { return fault.Routes() }

// Limits on faults.
const (
	// MaxFaults is how many faults there may be at a time: each is looked at with
	// every request.
	//rule:emulator-limits-max-faults
	MaxFaults = 100
	// MaxRetryAfter bounds what a Retry-After asks for.
	//rule:emulator-limits-max-retry-after
	MaxRetryAfter = time.Hour
	// maxHang bounds how long a request hangs whose client never gives up.
	//rule:listener-times-max-hang
	maxHang = 10 * time.Minute
	// maxPrincipal is the longest name of a principal: a client id has 36
	// characters, a token's name 50.
	maxPrincipal = 256
)

// Fault is a failure on purpose. If several faults match a request, the one that
// was added first decides whether it hits; if it does not, the next one decides.
type Fault struct {
	ID   int64 // set by [Emulator.AddFault]
	Kind FaultKind

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

	Status         int           // of FaultStatus
	RetryAfter     time.Duration // whole seconds; 0 = 1 s with FaultThrottle, no header with FaultStatus
	AfterBytes     int64         // of FaultDrop, 0 = before any answer; of FaultTooLarge, the largest body that passes
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
	k := f.Kind.kind()
	if k.name == "" {
		return bad("%s is no kind of fault", wording.Quote(string(f.Kind)))
	}
	for _, n := range []struct {
		number numbers
		given  bool
		what   string
	}{
		{takesStatus, f.Status != 0, "a status"},
		{takesRetryAfter, f.RetryAfter != 0, "a Retry-After"},
		{takesAfterBytes, f.AfterBytes != 0, "a number of bytes"},
		{takesSpeed, f.BytesPerSecond != 0, "bytes per second"},
	} {
		//rule:upload-faults-check-2
		if n.given && k.takes&n.number == 0 {
			return bad("the kind %s takes no %s", f.Kind, strings.TrimPrefix(n.what, "a "))
		}
	}
	switch {
	case k.takes&takesStatus != 0 && !slices.Contains([]int{500, 502, 503, 504}, f.Status):
		return bad("the status %d is none of 500, 502, 503 and 504", f.Status)
	case k.takes&takesSpeed != 0 && f.BytesPerSecond < 1:
		return bad("the kind %s wants bytes per second, at least 1", f.Kind)
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
			return bad("%s is no route", wording.Quote(string(r)))
		}
		//rule:upload-faults-check
		if k.routes != nil && !slices.Contains(k.routes, r) {
			return bad("the kind %s hits no request of the route %s", f.Kind, r)
		}
	}
	if f.Registry != "" {
		if _, ok := e.ids.RegistryByName(f.Registry); !ok {
			return notFound("registry", f.Registry)
		}
	}
	return nil
}

// activeFault is a fault in force.
type activeFault struct {
	Fault // Seen and Hits under faults.mu
	dice  *rand.Rand
}

// faults are those in force. While there are none, a request reads on alone.
type faults struct {
	on atomic.Bool

	mu   sync.Mutex
	next int64
	list []*activeFault
}

// AddFault adds a fault, which holds from the next request on, and returns it with
// its ID and seed. Faults are not kept over a restart.
//
// Errors: [acrkit.CodeUsage] for an invalid one, and for more than
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

// Faults returns the faults in force, in the order in which they were added. One
// with a count ends after its last hit.
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
		return &acrkit.Error{Code: acrkit.CodeNotFound, Op: fmt.Sprintf("remove the fault %d", id), Reason: "there is no such fault"}
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

// pick returns the fault that hits a request. who is called at most once, and only
// if a fault is for one principal.
func (s *faults) pick(r *http.Request, route Route, registry string, who func() string) (Fault, bool) {
	principal := ""
	if s.asks(r, route, registry) {
		principal = who() // may verify a token, so not under the lock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.list {
		if !a.concerns(r, route, registry) || a.Principal != "" && !strings.EqualFold(a.Principal, principal) {
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

// asks reports whether a fault is for one principal.
func (s *faults) asks(r *http.Request, route Route, registry string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.list, func(a *activeFault) bool {
		return a.Principal != "" && a.concerns(r, route, registry)
	})
}

func (a *activeFault) concerns(r *http.Request, route Route, registry string) bool {
	k := a.Kind.kind()
	return (len(a.Routes) == 0 || slices.Contains(a.Routes, route)) &&
		(a.Registry == "" || strings.EqualFold(a.Registry, registry)) &&
		//rule:upload-faults-concerns
		(k.routes == nil || slices.Contains(k.routes, route)) && (k.of == nil || k.of(r, a.Fault))
}

// Effect says what the fault does, with its numbers.
func (f Fault) Effect() string {
	if effect := f.Kind.kind().effect; effect != nil {
		return effect(f)
	}
	return string(f.Kind)
}

// String names the fault and says what it does, for the decision log.
func (f Fault) String() string { return fmt.Sprintf("fault %d: %s", f.ID, f.Effect()) }
