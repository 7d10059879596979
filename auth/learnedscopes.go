package auth

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
)

// learnedScopes are the actions that the service asked for in a challenge to an
// operation, where they differ from the derived ones. Its size is bounded by the number
// of operations.
type learnedScopes map[operation.Operation][]acrkit.Action

// learn keeps the service's scope for r, if it is one set of known actions on r's own
// repository.
func (l learnedScopes) learn(r operation.Required, asked acrkit.Scope) {
	if r.Op == operation.Unknown || r.Op == operation.Mount || r.Repository == "" {
		return
	}
	var actions []acrkit.Action
	resources := 0
	for a := range asked.All() {
		if resources++; resources > 1 || a.Type != "repository" || a.Name != r.Repository {
			return
		}
		for _, w := range a.Actions {
			action, err := acrkit.ParseAction(w)
			if err != nil {
				return
			}
			actions = append(actions, action)
		}
	}
	if resources == 1 {
		l[r.Op] = actions
	}
}

// apply returns the learned scope for r, or its derived one.
func (l learnedScopes) apply(r operation.Required) acrkit.Scope {
	if actions, ok := l[r.Op]; ok && r.Repository != "" {
		return acrkit.RepositoryScope(r.Repository, actions...)
	}
	return r.Scope
}

// learnedScope returns the scope to ask for first.
func (t *Transport) learnedScope(need operation.Required) acrkit.Scope {
	t.fetches.Lock()
	defer t.fetches.Unlock()
	return t.learned.apply(need)
}

// learn keeps the scope that a challenge to an operation asked for.
func (t *Transport) learn(need operation.Required, learned acrkit.Scope) {
	t.fetches.Lock()
	defer t.fetches.Unlock()
	t.learned.learn(need, learned)
}

// unlearn drops the learned scope of an operation after a request with a larger scope
// than derived was refused too.
func (t *Transport) unlearn(need operation.Required, requested acrkit.Scope) {
	t.fetches.Lock()
	defer t.fetches.Unlock()
	if !need.Scope.Contains(requested) {
		delete(t.learned, need.Op)
	}
}
