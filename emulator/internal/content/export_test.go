package content

import (
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
)

// Now returns what the store takes for the time.
func (s *Store) Now() time.Time { return s.now() }

// MaxConditions is the bound of what is remembered of files.
const MaxConditions = maxConditions

// CheckFindings is the number of findings after which a part of a check ends.
const CheckFindings = checkFindings

// Conditions is what is remembered of files.
type Conditions = conditions

// Put and the rest are the methods of [Conditions].
func (c *conditions) Put(digest string, info blob.Info, good bool) { c.put(digest, info, good) }

// Get returns what is known.
func (c *conditions) Get(digest string, info blob.Info) (good, known bool) {
	return c.get(digest, info)
}

// Len returns of how many files something is known.
func (c *conditions) Len() int { return len(c.known) }
