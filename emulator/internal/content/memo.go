package content

import (
	"strings"
	"sync"
)

// Limits on what each [memo] of a store holds. Passing one empties it: it fills
// again with what is asked for now.
const (
	// maxRemembered has room for the tags that a busy test suite goes through.
	maxRemembered = 32 << 10
	// maxRememberedBytes bounds names and bodies together.
	maxRememberedBytes = 6 << 20
	// maxRememberedBody is the largest manifest, in bytes, that is remembered. Few
	// are larger, and those cost more to send than to find.
	maxRememberedBody = 64 << 10
)

// name is what a look-up asks for.
type name struct {
	registry  int64
	repo, ref string // ref is a tag or a digest
}

// memo remembers what look-ups found in one state of the database: the one that
// db.DB.Version told before they were made. With any other it holds nothing, so
// a write is seen by all who ask after it was acknowledged, whatever it changed.
// What was not found is not remembered.
//
// What it returns is shared and must not be changed.
type memo[V any] struct {
	mu      sync.RWMutex
	version uint64
	found   map[name]V
	bytes   int
}

// get returns what was found in a state.
func (m *memo[V]) get(version uint64, n name) (v V, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.version == version {
		v, ok = m.found[n]
	}
	return v, ok
}

// put notes what was found in a state; size is the bytes that it holds beside
// its name.
func (m *memo[V]) put(version uint64, n name, v V, size int) {
	// As they come, they are parts of a request that would live as long.
	n.repo, n.ref = strings.Clone(n.repo), strings.Clone(n.ref)
	size += len(n.repo) + len(n.ref)
	m.mu.Lock()
	defer m.mu.Unlock()
	if version < m.version {
		return // a slow look-up
	}
	if m.found == nil || version > m.version || len(m.found) >= maxRemembered || m.bytes+size > maxRememberedBytes {
		m.version, m.found, m.bytes = version, map[name]V{}, 0
	}
	if _, ok := m.found[n]; !ok { // another look-up found the same
		m.found[n] = v
		m.bytes += size
	}
}

// foundManifest is a manifest by its tag or digest, with the locks on the way.
type foundManifest struct {
	content Content
	locks   Locks
}

// foundBlob is a repository's blob. Locks are the repository's; idleSince is 0
// while a manifest names it.
type foundBlob struct {
	size, idleSince int64
	locks           Locks
}
