package rehearsal

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
)

// activeFault is a fault in force.
type activeFault struct {
	fault.Fault // Seen and Hits under Faults.mu
	dice        *rand.Rand
}

// Faults are those in force. While there are none, a request reads one flag.
type Faults struct {
	known func(registry string) bool
	now   func() time.Time // of the emulator's clock
	on    atomic.Bool

	mu   sync.Mutex
	next int64
	list []*activeFault
}

// Add adds a fault, which holds from the next request on, and returns it with its ID
// and seed.
//
// Errors: [acrkit.CodeUsage] for an invalid one, and for more than [fault.Max];
// [acrkit.CodeNotFound] for an unknown registry.
func (s *Faults) Add(f fault.Fault) (fault.Fault, error) {
	if err := f.Check(); err != nil {
		return fault.Fault{}, err
	}
	if f.Registry != "" && !s.known(f.Registry) {
		return fault.Fault{}, &acrkit.Error{Code: acrkit.CodeNotFound,
			Op: fmt.Sprintf("find the registry %q", f.Registry), Reason: "it does not exist"}
	}
	f.Rate = cmp.Or(f.Rate, 1)
	f.Seen, f.Hits = 0, 0
	f.Routes = slices.Clone(f.Routes)
	for f.Seed == 0 {
		f.Seed = rand.Uint64N(fault.MaxSeed) //nolint:gosec // a sequence to play with
	}
	if f.Kind == fault.Throttle {
		f.RetryAfter = cmp.Or(f.RetryAfter, time.Second)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) >= fault.Max {
		return fault.Fault{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "add the fault",
			Reason: fmt.Sprintf("there are %d already", fault.Max), Hint: sentence.Fix(sentence.RemoveFaults, nil)}
	}
	s.next++
	f.ID = s.next
	a := &activeFault{Fault: f, dice: rand.New(rand.NewPCG(f.Seed, f.Seed))} //nolint:gosec // as above
	s.list = append(s.list, a)
	s.on.Store(true)
	return a.copy(), nil
}

func (a *activeFault) copy() fault.Fault {
	f := a.Fault
	f.Routes = slices.Clone(f.Routes)
	return f
}

// List returns the faults in force, in the order in which they were added. One with a
// count ends after its last hit.
func (s *Faults) List() []fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []fault.Fault{}
	for _, a := range s.list {
		out = append(out, a.copy())
	}
	return out
}

// Remove ends a fault. A request that it has hit already stays hit.
//
// Errors: [acrkit.CodeNotFound], also for one that ended by its count.
func (s *Faults) Remove(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.list)
	s.remove(func(a *activeFault) bool { return a.ID == id })
	if len(s.list) == n {
		return &acrkit.Error{Code: acrkit.CodeNotFound, Op: fmt.Sprintf("remove the fault %d", id),
			Reason: "there is no such fault"}
	}
	return nil
}

// RemoveAll ends all faults.
func (s *Faults) RemoveAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(func(*activeFault) bool { return true })
}

func (s *Faults) remove(gone func(*activeFault) bool) {
	s.list = slices.DeleteFunc(s.list, gone)
	s.on.Store(len(s.list) > 0)
}

// pick returns the fault that hits a request. who is called at most once, and only
// if a fault is for one principal.
func (s *Faults) pick(r *http.Request, route fault.Route, registry string, who func() string) (hit, bool) {
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
		x := hit{a.copy(), route, s.now()}
		if a.Count > 0 && a.Hits >= a.Count {
			s.remove(func(x *activeFault) bool { return x == a })
		}
		return x, true
	}
	return hit{}, false
}

// asks reports whether a fault is for one principal.
func (s *Faults) asks(r *http.Request, route fault.Route, registry string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.list, func(a *activeFault) bool {
		return a.Principal != "" && a.concerns(r, route, registry)
	})
}

func (a *activeFault) concerns(r *http.Request, route fault.Route, registry string) bool {
	of := effects[a.Kind].of
	return (len(a.Routes) == 0 || slices.Contains(a.Routes, route)) &&
		(a.Registry == "" || strings.EqualFold(a.Registry, registry)) &&
		//rule:upload-faults-concerns
		a.Kind.Hits(route) && (of == nil || of(r, a.Fault))
}
