package content

import (
	"fmt"
	"testing"
)

func TestMemo(t *testing.T) {
	t.Run("another_version", func(t *testing.T) {
		var m memo[int]
		n := name{1, "r", "t"}
		m.put(4, n, 1, 0)
		if v, ok := m.get(4, n); !ok || v != 1 {
			t.Errorf("got %d, %v", v, ok)
		}
		for _, version := range []uint64{0, 2, 6} {
			if _, ok := m.get(version, n); ok {
				t.Errorf("version %d has what was found in 4", version)
			}
		}
		m.put(2, n, 2, 0) // found before
		if v, _ := m.get(4, n); v != 1 {
			t.Errorf("a slow look-up replaced a newer one: %d", v)
		}
		m.put(6, name{1, "r", "u"}, 3, 0)
		for _, version := range []uint64{4, 6} {
			if _, ok := m.get(version, n); ok {
				t.Errorf("version %d has what was found in 4, after 6 was asked", version)
			}
		}
	})
	t.Run("limits", func(t *testing.T) {
		var m memo[int]
		for i := range 3 * maxRemembered / 2 {
			m.put(2, name{1, "r", fmt.Sprint(i)}, i, 0)
			if len(m.found) > maxRemembered {
				t.Fatalf("%d entries", len(m.found))
			}
		}
		if len(m.found) == 0 {
			t.Error("nothing is remembered")
		}
		for i := range 3 * maxRememberedBytes / maxRememberedBody {
			m.put(2, name{2, "r", fmt.Sprint(i)}, i, maxRememberedBody)
			sum := 0
			for n := range m.found {
				sum += len(n.repo) + len(n.ref)
				if n.registry == 2 {
					sum += maxRememberedBody
				}
			}
			if sum != m.bytes || sum > maxRememberedBytes {
				t.Fatalf("%d bytes, counted %d", sum, m.bytes)
			}
		}
	})
	t.Run("twice", func(t *testing.T) {
		var m memo[int]
		m.put(2, name{1, "r", "t"}, 1, 10)
		m.put(2, name{1, "r", "t"}, 1, 10)
		if m.bytes != 12 {
			t.Errorf("%d bytes", m.bytes)
		}
	})
}
