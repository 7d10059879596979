package librarytest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// patternPool are patterns of which some cover others.
var patternPool = []string{"*", "a/*", "a/b/*", "a/b", "a", "ab", "ab/*", "b"}

func genMap() *rapid.Generator[scopemap.Map] {
	line := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			return "gateway/g/config/read"
		}
		return "repositories/" + rapid.SampledFrom(patternPool).Draw(t, "pattern") + "/" +
			rapid.SampledFrom(acrkit.Actions()).Draw(t, "action").String()
	})
	return rapid.Custom(func(t *rapid.T) scopemap.Map {
		m, err := scopemap.Parse(rapid.SliceOfN(line, 0, 6).Draw(t, "lines"))
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
}

// TestMap_isTheSumOfItsLines: what a map grants is the union of what each of its
// lines grants alone, in any order, and a further line never takes away.
func TestMap_isTheSumOfItsLines(t *testing.T) {
	repositories := []string{"a", "a/b", "a/b/c", "ab", "ab/c", "b", "b/a"}
	everything := acrkit.CatalogScope()
	for _, name := range repositories {
		everything = everything.Union(acrkit.RepositoryScope(name, acrkit.Actions()...))
	}
	rapid.Check(t, func(t *rapid.T) {
		m := genMap().Draw(t, "map")
		var sum acrkit.Scope
		for i, line := range m.Lines() {
			alone, err := scopemap.Parse([]string{line})
			if err != nil {
				t.Fatal(err)
			}
			sum = sum.Union(alone.Grant(everything))
			if before := (scopemap.Map{Rules: m.Rules[:i]}); !m.Grant(everything).Contains(before.Grant(everything)) {
				t.Errorf("the lines after %d of %q take away", i, m.Lines())
			}
		}
		d := m.Decide(everything)
		if !d.Granted.Equal(sum) {
			t.Errorf("%q grants %q, its lines grant %q", m.Lines(), d.Granted, sum)
		}
		if !d.Granted.Union(d.Missing).Equal(everything) || !d.Granted.Intersect(d.Missing).IsEmpty() {
			t.Errorf("granted %q and missing %q do not part the requirement", d.Granted, d.Missing)
		}
		if by := (scopemap.Map{Rules: d.By}); !by.Grant(everything).Equal(d.Granted) {
			t.Errorf("the rules named (%q) do not grant what was granted", by.Lines())
		}
		reversed := slices.Clone(m.Rules)
		slices.Reverse(reversed)
		if got := (scopemap.Map{Rules: reversed}).Grant(everything); !got.Equal(d.Granted) {
			t.Errorf("the order of %q matters", m.Lines())
		}
		for _, name := range repositories {
			effective := acrkit.RepositoryScope(name, m.Effective(name)...)
			if want := m.Grant(acrkit.RepositoryScope(name, acrkit.Actions()...)); !effective.Equal(want) {
				t.Errorf("Effective(%q) of %q = %q, Grant says %q", name, m.Lines(), effective, want)
			}
		}
		if diff := cmp.Diff(m.Lines(), mustParseRapid(t, m.Lines()).Lines()); diff != "" {
			t.Errorf("lines, parsed and written (-want +got):\n%s", diff)
		}
	})
}

func mustParseRapid(t *rapid.T, lines []string) scopemap.Map {
	m, err := scopemap.Parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDecision_cmp: package cmp compares decisions field by field.
func TestDecision_cmp(t *testing.T) {
	decide := func(line, required string) scopemap.Decision {
		m, err := scopemap.Parse([]string{line, "gateway/branch/config/read"})
		if err != nil {
			t.Fatal(err)
		}
		scope, err := acrkit.ParseScope(required)
		if err != nil {
			t.Fatal(err)
		}
		return m.Decide(scope)
	}
	one := decide("repositories/a/content/read", "repository:a:pull,push")
	if diff := cmp.Diff(one, decide("repositories/a/content/read", "repository:a:pull,push")); diff != "" {
		t.Errorf("the same decision differs:\n%s", diff)
	}
	diff := cmp.Diff(one, decide("repositories/*/content/read", "repository:a:delete,pull"))
	for _, want := range []string{"Missing:", "repository:a:push", "repository:a:delete", "By:",
		"repositories/a/content/read", "repositories/*/content/read"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the difference lacks %q:\n%s", want, diff)
		}
	}
}
