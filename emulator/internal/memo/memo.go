// Package memo caches the results of look-ups until something that they depend on
// changes.
package memo

import "sync"

// Limits are the limits of a [Memo]. It is emptied when one is passed, and fills
// again with what is asked for then.
type Limits struct {
	Entries int
	Bytes   int // of what its users count
}

// Memo caches results for one version of the data: the version that was read before
// the look-up began. For any other version it holds nothing. A writer changes the
// version before it acknowledges a change, so every later look-up sees the change.
//
// Its methods may be called by many goroutines. What it returns is shared and
// must not be changed.
type Memo[K comparable, V any] struct {
	limits Limits

	mu      sync.RWMutex
	version uint64
	found   map[K]V
	bytes   int
}

// New returns an empty memo.
func New[K comparable, V any](l Limits) *Memo[K, V] {
	return &Memo[K, V]{limits: l, found: map[K]V{}}
}

// Get returns what was found in a version.
func (m *Memo[K, V]) Get(version uint64, k K) (v V, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.version == version {
		v, ok = m.found[k]
	}
	return v, ok
}

// Put notes what was found in a version. size is what the entry holds, in bytes;
// one that is larger than the limit is not kept.
func (m *Memo[K, V]) Put(version uint64, k K, v V, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if version < m.version || size > m.limits.Bytes {
		return // a slow look-up, or a large one
	}
	if version > m.version || len(m.found) >= m.limits.Entries || m.bytes+size > m.limits.Bytes {
		m.version, m.found, m.bytes = version, map[K]V{}, 0
	}
	if _, ok := m.found[k]; !ok { // another look-up found the same
		m.found[k] = v
		m.bytes += size
	}
}
