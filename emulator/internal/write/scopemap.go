package write

import (
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
)

// PutScopeMap makes or replaces a scope map. One that is replaced keeps its age; the
// tokens that have it have its new rights.
func (r *Registry) PutScopeMap(m seed.ScopeMap) error {
	const op = "store the scope map"
	if err := m.Check(); err != nil {
		return refusal.Of(op, err)
	}
	if principal.IsSystemScopeMap(m.Name) {
		return refusal.Usage(op, "name: %s is one of the registry's own scope maps", wording.Quote(m.Name))
	}
	next := &principal.ScopeMap{RegistryID: r.set.ID, Name: m.Name, Description: m.Description,
		Actions: m.Actions, Created: r.tx.now}
	if old, ok := r.tx.c.StoredScopeMap(r.set.ID, m.Name); ok {
		next.Name, next.Created = old.Name, old.Created
	} else if err := r.room(op, "scope maps", r.tx.c.ScopeMaps(r.set.ID)); err != nil {
		return err
	}
	r.tx.c.Put(next)
	return nil
}

// ScopeMapChange says what of a scope map changes.
type ScopeMapChange struct {
	Description *string  // nil = it stays
	Actions     []string // nil = they stay
}

// ChangeScopeMap changes a scope map, as [Registry.PutScopeMap] does.
//
// Errors: [acrkit.CodeNotFound] for an unknown scope map, and for the service's own.
func (r *Registry) ChangeScopeMap(name string, change ScopeMapChange) error {
	old, ok := r.tx.c.StoredScopeMap(r.set.ID, name)
	if !ok {
		return refusal.NotFound("scope map", name)
	}
	next := seed.ScopeMap{Name: old.Name, Description: old.Description, Actions: old.Actions}
	if change.Description != nil {
		next.Description = *change.Description
	}
	if change.Actions != nil {
		next.Actions = change.Actions
	}
	return r.PutScopeMap(next)
}

// DeleteScopeMap removes a scope map. Tokens that had it keep its name and have no
// rights: az says that before it deletes one ("will remove its permissions with associated
// tokens").
func (r *Registry) DeleteScopeMap(name string) error {
	m, ok := r.tx.c.StoredScopeMap(r.set.ID, name)
	if !ok {
		return refusal.NotFound("scope map", name)
	}
	r.tx.c.RemoveScopeMap(m)
	return nil
}
