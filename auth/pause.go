package auth

import (
	"errors"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
)

// longestPause bounds how long no request is sent to a token service. ACR counts down
// from at most a minute (documented); a wrong answer must not block a client for long.
const longestPause = 5 * time.Minute

// pauses are the waits that throttled token services asked for, by host: until
// one is over, its error is the answer, and new callers do not ask again. A
// transport has one credential, and speaks to one registry and one authority.
type pauses struct {
	mu sync.Mutex
	of map[string]pause
}

type pause struct {
	wait life
	err  *acrkit.Error
}

// begun returns the error of the pause of host with what is left of its wait, or
// nil if there is none.
func (p *pauses) begun(host string, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.of[host]
	if !ok {
		return nil
	}
	left := found.wait.span - found.wait.age(now)
	if left <= 0 {
		delete(p.of, host)
		return nil
	}
	e := *found.err
	e.RetryAfter = min(left, found.wait.span) // a clock may be set back
	return &e
}

// begin starts a pause of host if err, its answer at now, asked for one.
func (p *pauses) begin(host string, now time.Time, err error) {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeThrottled || e.RetryAfter <= 0 {
		return
	}
	kept := *e
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[string]pause{}
	}
	p.of[host] = pause{life{now, min(e.RetryAfter, longestPause)}, &kept}
}
