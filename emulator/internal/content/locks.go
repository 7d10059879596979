package content

import (
	"cmp"
	"context"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Locks is the set of what is switched off on a repository, tag or manifest. The
// zero value locks nothing. On the wire it is the changeable attributes.
type Locks uint8

// The locks. The values are stored.
const (
	NoDelete Locks = 1 << iota // deleteEnabled: false
	NoWrite                    // writeEnabled: false
	NoRead                     // readEnabled: false
	NoList                     // listEnabled: false
)

// noRemove are the locks that forbid deleting: either does (documented, "Lock a
// container image").
const noRemove = NoDelete | NoWrite

// LockChange changes some locks: those in Mask take their state from Set.
type LockChange struct{ Mask, Set Locks }

func (c LockChange) apply(l Locks) Locks { return l&^c.Mask | c.Set&c.Mask }

// Item is a sort of what can be locked.
type Item string

// The items.
const (
	ATag        Item = "tag"
	AManifest   Item = "manifest"
	ARepository Item = "repository"
)

func locked(item Item, name string, l, forbidden Locks) error {
	if l&forbidden != 0 {
		return &Error{Kind: Locked, Item: item, Name: name}
	}
	return nil
}

// lockChain is the locks on the way to an item: its own and those above it.
type lockChain struct{ tag, manifest, repository Locks }

// locked returns the error of the first lock that forbids, from the tag up.
func (c lockChain) locked(name string, forbidden Locks) error {
	return cmp.Or(locked(ATag, name, c.tag, forbidden), locked(AManifest, name, c.manifest, forbidden),
		locked(ARepository, name, c.repository, forbidden))
}

// UpdateRepository changes a repository's locks and returns it.
func (s *Store) UpdateRepository(ctx context.Context, registry int64, name string,
	change LockChange) (r Repository, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if r, err = repository(tx, registry, name); err != nil {
			return err
		}
		r.Locks = change.apply(r.Locks)
		_, err = tx.Exec("UPDATE repositories SET locks=? WHERE id=?", r.Locks, r.id)
		return err
	})
	return r, err
}

// UpdateTag changes a tag's locks and returns the tag. A missing repository is
// [TagUnknown] too.
func (s *Store) UpdateTag(ctx context.Context, registry int64, repo, name string,
	change LockChange) (t Tag, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		var id int64
		if id, t, err = tag(tx, registry, repo, name); err != nil {
			return err
		}
		t.Locks = change.apply(t.Locks)
		_, err = tx.Exec("UPDATE tags SET locks=? WHERE repository=? AND name=?", t.Locks, id, name)
		return err
	})
	return t, err
}

// UpdateManifest changes a manifest's locks and returns the manifest. A missing
// repository is [ManifestUnknown] too.
func (s *Store) UpdateManifest(ctx context.Context, registry int64, repo, digest string,
	change LockChange) (m Manifest, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if m, err = manifest(tx, registry, repo, digest); err != nil {
			return err
		}
		m.Locks = change.apply(m.Locks)
		_, err = tx.Exec("UPDATE manifests SET locks=? WHERE id=?", m.Locks, m.id)
		return err
	})
	return m, err
}
