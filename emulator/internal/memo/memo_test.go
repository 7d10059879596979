package memo

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestVersions(t *testing.T) {
	m := New[string, int](Limits{Entries: 10, Bytes: 100})
	m.Put(4, "a", 1, 10)
	m.Put(4, "a", 1, 10) // counted once
	if v, ok := m.Get(4, "a"); !ok || v != 1 || m.bytes != 10 {
		t.Errorf("got %d, %v, %d bytes", v, ok, m.bytes)
	}
	for _, version := range []uint64{0, 2, 6} {
		if _, ok := m.Get(version, "a"); ok {
			t.Errorf("version %d has what was found in 4", version)
		}
	}
	m.Put(2, "a", 2, 10) // begun before
	if v, _ := m.Get(4, "a"); v != 1 {
		t.Errorf("a slow look-up replaced a newer one: %d", v)
	}
	m.Put(6, "b", 3, 10)
	for _, version := range []uint64{4, 6} {
		if _, ok := m.Get(version, "a"); ok {
			t.Errorf("version %d has what was found in 4, after 6 was asked", version)
		}
	}
}

func TestLimits(t *testing.T) {
	m := New[int, int](Limits{Entries: 100, Bytes: 1000})
	for i := range 1000 {
		m.Put(2, i, i, 1)
		if len(m.found) > 100 || len(m.found) == 0 {
			t.Fatalf("%d entries", len(m.found))
		}
	}
	for i := range 1000 {
		m.Put(2, 1000+i, i, 300)
		if m.bytes > 1000 || len(m.found) == 0 {
			t.Fatalf("%d bytes in %d entries", m.bytes, len(m.found))
		}
	}
	n := len(m.found)
	m.Put(2, 5000, 0, 1001)
	if _, ok := m.Get(2, 5000); ok || len(m.found) != n {
		t.Error("what is larger than the limit was kept, or emptied the rest")
	}
}

// TestNeverStale: a look-up after a change sees it, while others look up and
// remember all the time.
func TestNeverStale(t *testing.T) {
	m := New[int, uint64](Limits{Entries: 4, Bytes: 1 << 10})
	var version, value atomic.Uint64
	look := func(k int) uint64 {
		at := version.Load()
		if v, ok := m.Get(at, k); ok {
			return v
		}
		v := value.Load()
		m.Put(at, k, v, 1)
		return v
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-stop:
					return
				default:
					look(k % 6)
				}
			}
		})
	}
	for i := range uint64(20_000) {
		value.Store(i)
		version.Add(1)
		for k := range 6 {
			if v := look(k); v != i {
				t.Errorf("%d after the change to %d", v, i)
			}
		}
	}
	close(stop)
	wait.Wait()
}
