package librarytest_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/acrkit/acrkit"
)

// genScope draws scopes from a small pool, so that overlaps are common, and with
// names in which a prefix of one is another.
func genScope() *rapid.Generator[acrkit.Scope] {
	access := rapid.Custom(func(t *rapid.T) acrkit.Access {
		return acrkit.Access{
			Type: rapid.SampledFrom([]string{"repository", "registry", "repo"}).Draw(t, "type"),
			Name: rapid.SampledFrom([]string{"a", "a/b", "ab", "catalog", "*", "h:1/a"}).Draw(t, "name"),
			Actions: rapid.SliceOfN(rapid.SampledFrom([]string{"pull", "push", "delete", "*", "p"}),
				0, 4).Draw(t, "actions"),
		}
	})
	return rapid.Custom(func(t *rapid.T) acrkit.Scope {
		return acrkit.NewScope(rapid.SliceOfN(access, 0, 5).Draw(t, "accesses")...)
	})
}

// TestScope_setLaws compares the scope's operations with those of a plain set of
// triples.
func TestScope_setLaws(t *testing.T) {
	type triple struct{ typ, name, action string }
	set := func(s acrkit.Scope) map[triple]bool {
		m := map[triple]bool{}
		for a := range s.All() {
			for _, w := range a.Actions {
				m[triple{a.Type, a.Name, w}] = true
			}
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := genScope().Draw(t, "a"), genScope().Draw(t, "b")
		sa, sb := set(a), set(b)
		union, minus, both := map[triple]bool{}, map[triple]bool{}, map[triple]bool{}
		subset := true
		for k := range sa {
			union[k] = true
			if sb[k] {
				both[k] = true
			} else {
				minus[k] = true
			}
		}
		for k := range sb {
			union[k] = true
			subset = subset && sa[k]
		}
		for _, c := range []struct {
			op   string
			want map[triple]bool
			got  acrkit.Scope
		}{{"Union", union, a.Union(b)}, {"Minus", minus, a.Minus(b)}, {"Intersect", both, a.Intersect(b)}} {
			if diff := cmp.Diff(c.want, set(c.got)); diff != "" {
				t.Errorf("%s of %q and %q (-want +got):\n%s", c.op, a, b, diff)
			}
			if c.got.Len() != len(c.want) || c.got.IsEmpty() != (len(c.want) == 0) {
				t.Errorf("%s of %q and %q: Len %d, IsEmpty %v, want %d rights", c.op, a, b, c.got.Len(),
					c.got.IsEmpty(), len(c.want))
			}
		}
		if a.Contains(b) != subset {
			t.Errorf("%q.Contains(%q) = %v, want %v", a, b, !subset, subset)
		}
		equal := cmp.Equal(sa, sb)
		if a.Equal(b) != equal || (a.String() == b.String()) != equal {
			t.Errorf("%q and %q: Equal %v, same text %v, want %v", a, b, a.Equal(b), a.String() == b.String(), equal)
		}
		if back, err := acrkit.ParseScope(a.String()); err != nil || !back.Equal(a) {
			t.Errorf("ParseScope(%q) = %q, %v", a, back, err)
		}
		if again := acrkit.NewScope(slices.Collect(a.All())...); again.String() != a.String() {
			t.Errorf("NewScope of all of %q = %q", a, again)
		}
	})
}
