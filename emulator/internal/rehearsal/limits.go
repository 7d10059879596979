package rehearsal

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/principal"
)

// rate is a limit, in requests a minute. Source: Microsoft, "Azure Container
// Registry service tiers", August 2026.
type rate struct{ registry, identity int }

// rateClass is a class of requests that are counted together.
type rateClass string

const (
	rateRead      rateClass = "DataplaneRead"
	rateWrite     rateClass = "DataplaneWrite"
	rateDelete    rateClass = "DataplaneDelete"
	rateReferrers rateClass = "ListReferrers"
	rateOAuth     rateClass = "OAuth"
)

func rateOf(class rateClass, premium bool) rate {
	pick := func(basic, high rate) rate {
		if premium {
			return high
		}
		return basic
	}
	switch class {
	case rateWrite:
		return pick(rate{2_000, 1_000}, rate{4_000, 2_000})
	case rateDelete:
		return pick(rate{1_000, 500}, rate{4_000, 2_000})
	case rateReferrers:
		return pick(rate{500, 250}, rate{2_000, 1_000})
	case rateOAuth:
		return pick(rate{registry: 10_000}, rate{registry: 20_000})
	}
	return pick(rate{10_000, 5_000}, rate{20_000, 10_000})
}

func rateClasses(method string, route fault.Route) []rateClass {
	switch {
	case route == fault.RouteToken || route == fault.RouteExchange:
		return []rateClass{rateOAuth}
	case method == http.MethodDelete:
		return []rateClass{rateDelete}
	case method == http.MethodPut || method == http.MethodPatch || method == http.MethodPost:
		return []rateClass{rateWrite}
	case route == fault.RouteReferrers:
		return []rateClass{rateReferrers, rateRead}
	}
	return []rateClass{rateRead}
}

// ratePeriod is what the documented numbers refer to, and the longest
// Retry-After of the service.
//
//rule:emulator-limits-rate-period
const ratePeriod = time.Minute

// Limits counts requests. A bucket is full at each period's begin, so that a
// refused client gets the period's end: documented is a token bucket, and a
// Retry-After that counts down from at most 60.
type Limits struct {
	on atomic.Bool

	mu     sync.Mutex
	period int64 // which one the counts are of
	taken  map[bucket]int
}

// bucket is what is counted. There are no more than requests that were let
// through, which the registries' own limits bound.
type bucket struct {
	registry int64
	class    rateClass
	who      principal.Principal
	identity bool // of one identity, not of the whole registry
}

// take counts a request. Where a limit forbids it, wait is the number of seconds
// until that ends, and nothing is counted.
func (l *Limits) take(reg *principal.RegistrySettings, method string, route fault.Route, who func() principal.Principal,
	now time.Time) (wait int, why string) {
	classes := rateClasses(method, route)
	principal := principal.Principal{Kind: principal.KindAnonymous} // all anonymous clients are one (documented)
	if classes[0] != rateOAuth {
		if p := who(); p.Name != "" {
			principal = p
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if period := now.Unix() / int64(ratePeriod/time.Second); l.taken == nil || period != l.period {
		l.period, l.taken = period, map[bucket]int{}
	}
	var buckets []bucket
	for _, class := range classes {
		r := rateOf(class, reg.SKU == "Premium")
		for _, x := range []struct {
			b     bucket
			limit int
			of    string
		}{
			{bucket{registry: reg.ID, class: class}, r.registry, "the registry"},
			{bucket{registry: reg.ID, class: class, who: principal, identity: true}, r.identity,
				cmp.Or(principal.Name, "anonymous clients")},
		} {
			if x.limit == 0 {
				continue
			}
			if l.taken[x.b] >= x.limit {
				left := ratePeriod - time.Duration(now.UnixNano())%ratePeriod
				return int((left + time.Second - 1) / time.Second),
					fmt.Sprintf("rate limit: %s of %s, %d a minute", class, x.of, x.limit)
			}
			buckets = append(buckets, x.b)
		}
	}
	for _, b := range buckets {
		l.taken[b]++
	}
	return 0, ""
}

// Set switches the documented rate limits of each registry's tier, for a registry and
// for an identity.
func (l *Limits) Set(enabled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = nil
	l.on.Store(enabled)
}

// On reports whether rate limits are on.
func (l *Limits) On() bool { return l.on.Load() }
