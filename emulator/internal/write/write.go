// Package write has the rules of changing what a registry's users manage: scope maps,
// scope-mapped tokens with their passwords, role assignments, applications and the
// registry's settings; registries and resource groups themselves. Azure Resource Manager,
// the control API, the Go handle and seeds all change them here.
//
// A change is made in one transaction ([Writer.Update]), which also reads what the
// change depends on: no other change comes between. The form of a single value, such as
// a name, is checked by package seed.
//
// Errors are [*acrkit.Error]: [acrkit.CodeUsage] for an invalid value and a reference to
// a thing that does not exist, [acrkit.CodeNotFound] if the thing to be changed does not
// exist, [acrkit.CodeTooLarge] for more than a limit of the tier.
package write

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
)

// Writer makes changes in one store. It is safe for concurrent use.
type Writer struct {
	store    *principal.Store
	contents Contents
	now      func() time.Time
}

// Contents makes and removes what registries hold.
type Contents interface {
	// CreateRegistry makes the place of a registry's content, or finds it, and returns the
	// registry's ID.
	CreateRegistry(ctx context.Context, name string) (int64, error)
	// DeleteRegistry removes a registry's content.
	DeleteRegistry(tx *db.Tx, id int64) error
}

// New returns a Writer; now is the clock of what it makes.
func New(store *principal.Store, contents Contents, now func() time.Time) *Writer {
	return &Writer{store, contents, now}
}

// Update makes the changes of f: all of them, durable, if it returns nil, none
// otherwise.
func (w *Writer) Update(ctx context.Context, f func(*Tx) error) error {
	return w.store.Update(ctx, func(c *principal.Change) error {
		return f(&Tx{c: c, keys: w.store.Keys(), contents: w.contents, now: w.now().UTC()})
	})
}

// UpdateRegistry is [Writer.Update] of one registry.
//
// Errors: [acrkit.CodeNotFound] if it was removed.
func (w *Writer) UpdateRegistry(ctx context.Context, id int64, name string, f func(*Registry) error) error {
	return w.Update(ctx, func(tx *Tx) error {
		set, ok := tx.c.Registry(id)
		if !ok {
			return refusal.NotFound("registry", name)
		}
		return f(&Registry{tx, set})
	})
}

// Tx is one transaction. It is valid until the function that it was given to returns.
type Tx struct {
	c        *principal.Change
	keys     *principal.Keys
	contents Contents
	now      time.Time
}

// Registry is a registry within a transaction.
type Registry struct {
	tx  *Tx
	set *principal.RegistrySettings // never changed: put stores another
}

func (r *Registry) put(next *principal.RegistrySettings) {
	r.tx.c.Put(next)
	r.set = next
}

// room refuses one thing more than the registry's tier allows; there are n.
func (r *Registry) room(op, what string, n int) error {
	limit, _ := service.TierLimit(r.set.SKU)
	//rule:emulator-limits-room
	if n >= limit {
		return tooMany(op, r.set, what, n+1, limit)
	}
	return nil
}

func tooMany(op string, r *principal.RegistrySettings, what string, n, limit int) error {
	return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op, Reason: fmt.Sprintf(
		"the registry %s would have %d %s; the tier %s allows %d", r.Name, n, what, service.OrPremium(r.SKU), limit)}
}

// PutMeta stores a note of the emulator.
func (tx *Tx) PutMeta(name string, value []byte) {
	tx.c.Put(&principal.Meta{Name: name, Value: value})
}

// PutTenant makes a tenant, unless there is one.
func (tx *Tx) PutTenant(id string) {
	if _, ok := tx.c.Tenant(id); !ok {
		tx.c.Put(&principal.Tenant{ID: strings.ToLower(id)})
	}
}

// PutSubscription makes a subscription, or changes the one with its id. Groups that it
// does not name stay, and the tags of those for which it has none.
func (tx *Tx) PutSubscription(s *principal.Subscription) {
	next := *s
	next.Groups = slices.Clone(s.Groups)
	if old, ok := tx.c.Subscription(s.ID); ok {
		for _, g := range old.Groups {
			if i := slices.IndexFunc(next.Groups, g.SameName); i >= 0 {
				if next.Groups[i].Tags == nil {
					next.Groups[i].Tags = g.Tags
				}
			} else {
				next.Groups = append(next.Groups, g)
			}
		}
	}
	tx.c.Put(&next)
}
