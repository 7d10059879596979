package auth

import (
	"container/list"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
)

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
	return &tokenCache{most: most, recent: list.New(), exact: map[string]*list.Element{},
		byResource: map[string][]*list.Element{}}
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
			if t.requested.Contains(need) && good(e) &&
				(best == nil || t.requested.Len() < best.Value.(*accessToken).requested.Len()) {
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
	//rule:d12-put
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
