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
		next.Created = old.Created
	} else if err := r.room(op, "scope maps", r.tx.c.ScopeMaps(r.set.ID)); err != nil {
		return err
	}
	r.tx.c.Put(next)
	return nil
}

// DeleteScopeMap removes a scope map. Tokens that had it keep its name and have no
// rights. Whether the service refuses to remove one that a token has is not known.
func (r *Registry) DeleteScopeMap(name string) error {
	m, ok := r.tx.c.StoredScopeMap(r.set.ID, name)
	if !ok {
		return refusal.NotFound("scope map", name)
	}
	r.tx.c.RemoveScopeMap(m)
	return nil
}
