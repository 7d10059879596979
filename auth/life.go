package auth

import "time"

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
