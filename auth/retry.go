package auth

import (
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// rightsAge is the least age of a token for which a refused request asks for its scope
// again: the scope map may have changed since.
const rightsAge = 10 * time.Second

// retryKind is a reason to send a refused request again. Each is used once for a request.
type retryKind int

const (
	retryNever      retryKind = iota // the answer is for the caller
	retryOtherScope                  // the challenge asks for another scope than the derived one
	retrySameScope                   // rights may have changed since the token was made
	retryNewToken                    // the token may have ended early
	retryKinds
)

// tryState is what is known of a request when its answer comes.
type tryState struct {
	requested acrkit.Scope     // what the token was requested for
	age       time.Duration    // of the token
	fetched   bool             // the token was fetched for this try, not found in the cache
	tried     [retryKinds]bool // why the request was sent again so far
	rewinds   bool             // the request can be sent again
	asked     bool             // a challenge gave the scope
}

// answer is what the registry's answer says about a retry.
type answer struct {
	status     int
	challenged bool        // it has a Bearer challenge
	challenge  wire.Bearer // zero if not challenged
	elsewhere  bool        // the challenge's token service is on another host
	unreadable bool        // the challenge is malformed
	barred     bool        // the caller's guard forbids the challenge's scope
}

// drop is how much of a refused token is dropped; each includes those before it.
type drop int

const (
	dropNothing drop = iota
	dropStored       // from the store: another process must ask for the current rights
	dropToken        // from the cache of this process
	dropRoot         // the refresh token that it was made from: the next comes from the root credential
)

// decision is what to do after an answer.
type decision struct {
	refuse bool          // return an error, not the answer: its challenge names another host
	retry  retryKind     // retryNever = return the answer
	scope  acrkit.Scope  // of a retry: what the token must have been requested for
	maxAge time.Duration // of a retry: the greatest age of the token; 0 = any

	adopt   bool // the challenge's scope is the scope of the request from now on
	learn   bool // keep the request's scope for the operation
	unlearn bool // drop the scope that was kept for the operation
	drop    drop // of the token that was sent
}

// next decides what follows an answer. It depends on its arguments only.
//
//	answer                                      retry         the token that was sent
//	other than 401                              no            kept; a scope that a challenge gave is learned
//	401, token service on another host          no: an error  kept
//	401, malformed challenge                    no            kept
//	401, another scope, which the guard forbids no            kept
//	401, another scope                          other scope   kept
//	401, insufficient_scope, older than 10 s    same scope    dropped
//	401, insufficient_scope, younger            no            dropped from the store
//	401, any other                              new token     dropped with its refresh token
//	401, any other, to a token fetched for it   no            dropped from the store
//
// A retry that was made before, or whose body cannot be read again, is not made; the token
// is dropped all the same, for the next request.
func next(s tryState, a answer) decision {
	switch {
	case a.status != http.StatusUnauthorized:
		return decision{learn: s.asked}
	case a.elsewhere:
		return decision{refuse: true}
	case a.unreadable:
		return decision{}
	}
	d := retryFor(s, a)
	//rule:proxy-scope-map-next
	if d.retry == retryOtherScope && a.barred {
		return decision{}
	}
	if d.retry == retryNever || s.tried[d.retry] {
		//rule:cache-refused-next
		d.drop = max(d.drop, dropStored)
		d.unlearn = a.challenge.Error == wire.ErrInsufficientScope
		return d.withoutRetry()
	}
	//rule:d5-next
	if !s.rewinds {
		d.learn = d.adopt // the next request of the operation asks for this scope at once
		return d.withoutRetry()
	}
	return d
}

// retryFor returns the retry that may help after a refusal.
func retryFor(s tryState, a answer) decision {
	asked := a.challenge.Scope
	switch {
	case a.challenged && a.challenge.Error != wire.ErrInvalidToken && !s.requested.Contains(asked):
		return decision{retry: retryOtherScope, scope: asked, adopt: true}
	case a.challenged && a.challenge.Error == wire.ErrInsufficientScope:
		if s.age > rightsAge {
			return decision{retry: retrySameScope, scope: asked, maxAge: rightsAge, drop: dropToken}
		}
		return decision{}
	case s.fetched && s.tried != [retryKinds]bool{}:
		return decision{} // the token was fetched for a retry
	}
	// Also for a token that was fetched for the first try: services sometimes refuse a
	// token that they accept a moment later.
	return decision{retry: retryNewToken, scope: s.requested, drop: dropRoot}
}

// withoutRetry returns d with the answer returned to the caller.
func (d decision) withoutRetry() decision {
	d.retry, d.scope, d.maxAge = retryNever, acrkit.Scope{}, 0
	return d
}
