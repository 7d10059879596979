package auth

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
)

// lessons are what challenges taught about operations: the actions the service
// asked for where they were others than derived. It is bounded by the number of
// operations.
type lessons map[operation.Operation][]acrkit.Action

// learn notes the service's scope for r, if it is one set of known actions on
// r's own repository.
func (l lessons) learn(r operation.Required, asked acrkit.Scope) {
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

// apply returns r's scope as the service has taught it.
func (l lessons) apply(r operation.Required) acrkit.Scope {
	if actions, ok := l[r.Op]; ok && r.Repository != "" {
		return acrkit.RepositoryScope(r.Repository, actions...)
	}
	return r.Scope
}
