package content

import "time"

// Now returns what the store takes for the time.
func (s *Store) Now() time.Time { return s.now() }
