package auth

import (
	"container/list"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
)

// The rules of a token's life.
const (
	// unknownLife is how long a token without a readable expiry, or from an answer
	// without a date, is used; OAuth-based registries promise no less
	// (distribution, "Token Authentication Specification", expires_in).
	unknownLife = 60 * time.Second
	// longestLife is the longest life that a claim is believed. ACR's longest is three hours.
	longestLife = 24 * time.Hour
	// expiryMargin is how long before its end a token is no longer used, because a
	// request takes time to arrive; for short lives it is a tenth of the life.
	expiryMargin = 10 * time.Second
	// renewalPause is how long after a failed background renewal the next is tried.
	renewalPause = 30 * time.Second
)

// life is a span of time from a moment of this machine's clock.
type life struct {
	from time.Time
	span time.Duration
}

// newLife counts from received. The span is what the server's own two clock
// readings say, expiry minus date, because this machine's clock may be hours off.
// Where they say that the token had ended when it came, they are of two clocks
// that differ: believing them would be a token request for each request.
func newLife(received, expires, date time.Time, expiresIn time.Duration) life {
	switch {
	case !expires.IsZero() && expires.After(date) && !date.IsZero():
		return life{received, min(expires.Sub(date), longestLife)}
	case expiresIn > 0:
		return life{received, min(expiresIn, longestLife)}
	}
	return life{received, unknownLife}
}

// age returns the longer of the ages by the monotonic and by the wall clock: the first
// stops while a machine sleeps, the second may be set back.
func (l life) age(now time.Time) time.Duration {
	return max(now.Sub(l.from), now.Round(0).Sub(l.from.Round(0)))
}

func (l life) alive(now time.Time) bool { return l.age(now) < l.span-min(expiryMargin, l.span/10) }

// due reports whether it is time to renew: at 80 % of the life.
func (l life) due(now time.Time) bool { return l.age(now) >= l.span/10*8 }

func (l life) expires() time.Time { return l.from.Add(l.span) }

// accessToken is an ACR access token in the cache. Its fields do not change,
// except retryAt, which the cache's lock guards.
type accessToken struct {
	value     Secret
	requested acrkit.Scope
	granted   *acrkit.Scope
	life      life
	root      *refreshToken // what it was made from; nil if from the credential itself
	audience  string
	key       TokenKey // in the store of tokens; zero where it is not kept
	retryAt   time.Time
}

// maxCachedTokens bounds the cache of one transport: with tokens of one to two
// kilobytes, about two megabytes.
const maxCachedTokens = 1024

// tokenCache keeps access tokens by requested scope, the least recently used
// dropped first. It has no lock of its own.
type tokenCache struct {
	most       int
	recent     *list.List // of *accessToken, the most recently used first
	exact      map[string]*list.Element
	byResource map[string][]*list.Element
}

func newTokenCache(most int) *tokenCache {
	return &tokenCache{most: most, recent: list.New(), exact: map[string]*list.Element{}, byResource: map[string][]*list.Element{}}
}

func resourceKey(a acrkit.Access) string { return a.Type + ":" + a.Name }

// find returns the valid token with the smallest requested scope that contains need
// and for which suits is true (nil: any), or nil.
func (c *tokenCache) find(now time.Time, need acrkit.Scope, suits func(*accessToken) bool) *accessToken {
	good := func(e *list.Element) bool {
		t := e.Value.(*accessToken)
		return t.life.alive(now) && (suits == nil || suits(t))
	}
	if e, ok := c.exact[need.String()]; ok && good(e) {
		c.recent.MoveToFront(e)
		return e.Value.(*accessToken)
	}
	var best *list.Element
	if need.IsEmpty() {
		for e := c.recent.Front(); e != nil && best == nil; e = e.Next() {
			if good(e) {
				best = e
			}
		}
	}
	for first := range need.All() {
		for _, e := range c.byResource[resourceKey(first)] {
			t := e.Value.(*accessToken)
			if t.requested.Contains(need) && good(e) && (best == nil || t.requested.Len() < best.Value.(*accessToken).requested.Len()) {
				best = e
			}
		}
		break // every token that contains need is listed under each of its resources
	}
	if best == nil {
		return nil
	}
	c.recent.MoveToFront(best)
	return best.Value.(*accessToken)
}

// put stores t in place of the token of the same scope.
func (c *tokenCache) put(t *accessToken) {
	if e, ok := c.exact[t.requested.String()]; ok {
		c.drop(e)
	}
	e := c.recent.PushFront(t)
	c.exact[t.requested.String()] = e
	for a := range t.requested.All() {
		c.byResource[resourceKey(a)] = append(c.byResource[resourceKey(a)], e)
	}
	for c.recent.Len() > c.most {
		c.drop(c.recent.Back())
	}
}

// holds reports whether t is still there.
func (c *tokenCache) holds(t *accessToken) bool {
	e, ok := c.exact[t.requested.String()]
	return ok && e.Value == t
}

// remove drops t, if it is still there.
func (c *tokenCache) remove(t *accessToken) {
	if c.holds(t) {
		c.drop(c.exact[t.requested.String()])
	}
}

func (c *tokenCache) drop(e *list.Element) {
	t := e.Value.(*accessToken)
	c.recent.Remove(e)
	delete(c.exact, t.requested.String())
	for a := range t.requested.All() {
		key := resourceKey(a)
		left := slices.DeleteFunc(c.byResource[key], func(x *list.Element) bool { return x == e })
		if len(left) == 0 {
			delete(c.byResource, key)
		} else {
			c.byResource[key] = left
		}
	}
}
