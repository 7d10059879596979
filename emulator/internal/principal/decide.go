package principal

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/memo"
	"github.com/acrkit/acrkit/emulator/rule"
)

// rememberedAnswers bounds the answers of [Store.Decide] that are remembered.
var rememberedAnswers = memo.Limits{Entries: 4096, Bytes: 2 << 20}

// question is the key of an answer of [Store.Decide].
type question struct {
	registry  int64
	principal Principal
	required  string // a scope's text
}

// Answer is a [Grant] on the rights that a principal has now.
type Answer struct {
	Grant
	Source string  // as [Rights] has it
	Lacks  rule.ID // the rule by which the missing rights are refused; "" if none are
}

// Decide compares a required scope with the rights that a principal has on a
// registry now. If there is no such principal or registry any more, or it is
// disabled, the error is a [rule.ID].
//
// The answer is computed once for each version of all identities and scope maps:
// any change of one of them, and a return to a snapshot, discards all answers. It is
// shared and must not be changed.
func (s *Store) Decide(registry int64, p Principal, required acrkit.Scope) (Answer, error) {
	s.mu.RLock()
	version := s.version // before anything is looked at
	s.mu.RUnlock()
	q := question{registry, p, required.String()}
	if a, ok := s.answers.Get(version, q); ok {
		return a, nil
	}
	r, ok := s.Registry(registry)
	if !ok {
		return Answer{}, rule.RegistryGone
	}
	rights, err := s.RightsOf(r, p)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Grant: rights.Decide(required), Source: rights.Source}
	if !a.Missing.IsEmpty() {
		a.Lacks = rights.lacks(required, a.Missing)
	}
	size := len(q.required) + len(p.Name)
	for _, by := range a.Rules {
		size += len(by)
	}
	s.answers.Put(version, q, a, 2*size) // the scopes in the answer are as long
	return a, nil
}

// lacks returns the rule by which a required scope is refused that the rights do not
// hold.
func (r Rights) lacks(required, missing acrkit.Scope) rule.ID {
	if r.Lacks != "" {
		return r.Lacks
	}
	some, none := rule.RightMissing, rule.NoRightHere
	if r.narrowed(missing) {
		some, none = rule.ABACCondition, rule.ABACRepository
	}
	for access := range required.All() {
		if access.Type != "repository" ||
			!r.Decide(acrkit.RepositoryScope(access.Name, acrkit.Actions()...)).Granted.IsEmpty() {
			return some
		}
	}
	if required.IsEmpty() {
		return some
	}
	return none
}
