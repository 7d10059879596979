package principal

import (
	"context"
	"maps"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Replace runs a change of the database that may concern all tables, such as going
// back to a snapshot, and reads all identities again. No update runs beside it;
// readers see the old state or the new one. If the new one is not allowed
// ([Store.RefuseChosen]) or cannot be read, nothing is changed.
func (s *Store) Replace(ctx context.Context, change func(tx *db.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var fresh map[key]object
	err := s.db.Write(ctx, func(tx *db.Tx) (err error) {
		if err := change(tx); err != nil {
			return err
		}
		if fresh, err = readAll(tx); err != nil {
			return err
		}
		//rule:chosen-secrets-replace
		return s.check(maps.Values(fresh))
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.take(fresh)
	return nil
}
