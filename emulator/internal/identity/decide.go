package identity

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/memo"
)

// rememberedAnswers bounds the answers of [Store.Decide] that are remembered.
var rememberedAnswers = memo.Limits{Entries: 4096, Bytes: 2 << 20}

// question is what [Store.Decide] is asked.
type question struct {
	registry  int64
	principal Principal
	required  string // a scope's text
}

// Answer is a [Decision] on the rights that a principal has now.
type Answer struct {
	Decision
	Source string // as [Rights] has it
}

// Decide asks the rights that a principal has on a registry now for a required
// scope. ok is false if there is no such principal or registry any more, or it is
// disabled.
//
// The answer is worked out once for each version of all identities and scope
// maps: any change of one of them, and a return to a snapshot, lets every question
// be asked anew. It is shared and must not be changed.
func (s *Store) Decide(registry int64, p Principal, required acrkit.Scope) (a Answer, ok bool) {
	s.mu.RLock()
	version := s.version // before anything is looked at
	s.mu.RUnlock()
	q := question{registry, p, required.String()}
	if a, ok = s.answers.Get(version, q); ok {
		return a, true
	}
	r, ok := s.Registry(registry)
	if !ok {
		return Answer{}, false
	}
	rights, ok := s.RightsOf(r, p)
	if !ok {
		return Answer{}, false
	}
	a = Answer{rights.Decide(required), rights.Source}
	size := len(q.required) + len(p.Name)
	for _, rule := range a.Rules {
		size += len(rule)
	}
	s.answers.Put(version, q, a, 2*size) // the scopes in the answer are as long
	return a, true
}
