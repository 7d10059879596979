package auth

import (
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/internal/wire"
)

// TestNext is the table of what follows an answer of the registry. The requests of
// transport_test.go hold that the transport does what a decision says.
func TestNext(t *testing.T) {
	pull := acrkit.RepositoryScope("a", acrkit.ContentRead)
	both := acrkit.RepositoryScope("a", acrkit.ContentRead, acrkit.MetadataRead)
	tried := func(kinds ...retryKind) (all [retryKinds]bool) {
		for _, k := range kinds {
			all[k] = true
		}
		return all
	}
	bearer := func(scope acrkit.Scope, word string) answer {
		return answer{status: 401, challenged: true, challenge: wire.Bearer{Scope: scope, Error: word}}
	}
	sent := tryState{requested: pull, rewinds: true, age: time.Hour}
	with := func(s tryState, change func(*tryState)) tryState { change(&s); return s }
	fetched := with(sent, func(s *tryState) { s.fetched, s.age = true, 0 })
	aged := func(age time.Duration) tryState { return with(sent, func(s *tryState) { s.age = age }) }
	after := func(s tryState, kinds ...retryKind) tryState {
		return with(s, func(s *tryState) { s.tried = tried(kinds...) })
	}
	once := func(s tryState) tryState { return with(s, func(s *tryState) { s.rewinds = false }) }
	asked := with(sent, func(s *tryState) { s.asked = true })

	other := decision{retry: retryOtherScope, scope: both, adopt: true}
	same := decision{retry: retrySameScope, scope: pull, maxAge: 10 * time.Second, drop: dropToken}
	renewed := decision{retry: retryNewToken, scope: pull, drop: dropRoot}

	for _, row := range []struct {
		why  string
		s    tryState
		a    answer
		want decision
	}{
		{"success", sent, answer{status: 200}, decision{}},
		{"a success teaches the scope of the challenge", asked, answer{status: 200}, decision{learn: true}},
		{"403 is not about the token", sent,
			answer{status: 403, challenged: true, challenge: wire.Bearer{Scope: both}}, decision{}},
		{"404 with the scope of a challenge: the registry let it in", asked, answer{status: 404},
			decision{learn: true}},
		{"500 is not retried here", sent, answer{status: 500}, decision{}},

		{"the token service is on another host", sent, answer{status: 401, challenged: true, elsewhere: true},
			decision{refuse: true}},
		{"another host, though it asks for more", sent,
			answer{status: 401, challenged: true, elsewhere: true, challenge: wire.Bearer{Scope: both}},
			decision{refuse: true}},
		{"a malformed challenge asks for nothing", sent, answer{status: 401, unreadable: true}, decision{}},
		{"a malformed challenge teaches nothing", asked, answer{status: 401, unreadable: true}, decision{}},

		{"another scope", sent, bearer(both, ""), other},
		{"another scope, by insufficient_scope", sent, bearer(both, wire.ErrInsufficientScope), other},
		{"another scope, to a token that was just fetched", fetched, bearer(both, wire.ErrInsufficientScope), other},
		{"another scope, after a new token", after(fetched, retryNewToken), bearer(both, ""), other},
		{"another scope, after the same scope", after(fetched, retrySameScope), bearer(both, ""), other},
		{"another scope, but the body cannot be sent again: the next request asks for it", once(sent), bearer(both, ""),
			decision{adopt: true, learn: true}},
		{"another scope for the second time", after(sent, retryOtherScope), bearer(both, ""),
			decision{adopt: true, drop: dropStored}},
		{"another scope for the second time, and a right is missing: what was learned is wrong",
			after(sent, retryOtherScope), bearer(both, wire.ErrInsufficientScope),
			decision{adopt: true, unlearn: true, drop: dropStored}},
		{"another scope that the guard forbids", sent, answer{status: 401, challenged: true, barred: true,
			challenge: wire.Bearer{Scope: both}}, decision{}},
		{"another scope that the guard forbids, for the second time", after(sent, retryOtherScope),
			answer{status: 401, challenged: true, barred: true, challenge: wire.Bearer{Scope: both}}, decision{}},
		{"invalid_token is about the token, also if the scope is named", sent,
			bearer(both, wire.ErrInvalidToken), renewed},

		{"rights may have changed in more than 10 s", aged(10*time.Second + 1),
			bearer(pull, wire.ErrInsufficientScope), same},
		{"rights have not changed in 10 s", aged(10 * time.Second), bearer(pull, wire.ErrInsufficientScope),
			decision{unlearn: true, drop: dropStored}},
		{"a right is missing from a token that was just fetched", fetched, bearer(pull, wire.ErrInsufficientScope),
			decision{unlearn: true, drop: dropStored}},
		{"a smaller scope than the token has", with(sent, func(s *tryState) {
			s.requested = both
		}), bearer(pull, wire.ErrInsufficientScope), same},
		{"insufficient_scope without a scope", sent, bearer(acrkit.Scope{}, wire.ErrInsufficientScope),
			decision{retry: retrySameScope, maxAge: 10 * time.Second, drop: dropToken}},
		{"rights that may have changed are asked for once", after(sent, retrySameScope),
			bearer(pull, wire.ErrInsufficientScope),
			decision{unlearn: true, drop: dropToken}},
		{"rights that may have changed, after another scope", after(sent, retryOtherScope),
			bearer(pull, wire.ErrInsufficientScope), same},
		{"rights may have changed, but the body cannot be sent again", once(sent),
			bearer(pull, wire.ErrInsufficientScope),
			decision{drop: dropToken}},
		{"a guard does not forbid the scope that the token has", sent,
			answer{status: 401, challenged: true, barred: true,
				challenge: wire.Bearer{Scope: pull, Error: wire.ErrInsufficientScope}}, same},

		{"a token that ended early", sent, bearer(pull, wire.ErrInvalidToken), renewed},
		{"a refusal without a word", sent, bearer(pull, ""), renewed},
		{"a refusal without a challenge", sent, answer{status: 401}, renewed},
		{"a new token that is accepted only a moment later", fetched, bearer(pull, ""), renewed},
		{"a new token, after another scope was asked for from the cache", after(sent, retryOtherScope),
			bearer(pull, ""), renewed},
		{"a token that was fetched for a retry", after(fetched, retryNewToken), bearer(pull, wire.ErrInvalidToken),
			decision{drop: dropStored}},
		{"a token that was fetched for another retry", after(fetched, retryOtherScope), answer{status: 401},
			decision{drop: dropStored}},
		{"a new token once, though the second was in the cache", after(sent, retryNewToken), bearer(pull, ""),
			decision{drop: dropRoot}},
		{"a token that ended early, but the body cannot be sent again", once(sent), bearer(pull, wire.ErrInvalidToken),
			decision{drop: dropRoot}},
	} {
		if diff := difftest.Diff(row.want, next(row.s, row.a)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}
