package identity

import (
	"context"
	"fmt"
)

// Replace runs a change of the database that may concern everything, such as
// going back to a snapshot, and then reads all identities anew. No update runs
// beside it; readers see the old state or the new one.
func (s *Store) Replace(ctx context.Context, change func(context.Context) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := change(ctx); err != nil {
		return err
	}
	// What was changed is changed: the caller's giving up does not undo it.
	fresh, err := Open(context.WithoutCancel(ctx), s.db, s.keys)
	if err != nil {
		return fmt.Errorf("after the change: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.objects, s.sorted, s.byOID = fresh.objects, fresh.sorted, fresh.byOID
	return nil
}
