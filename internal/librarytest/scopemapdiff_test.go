package librarytest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// representatives returns names of which one is treated by the maps as any name is: every
// prefix of a pattern, a name under each that no pattern names, and a name beside them all.
func representatives(all ...scopemap.Map) []string {
	const fresh = "zz-fresh"
	names := []string{fresh, fresh + "/" + fresh}
	for _, m := range all {
		for _, r := range m.Rules {
			base := strings.TrimSuffix(string(r.Pattern), "/*")
			if base == "" || base == "*" {
				continue
			}
			parts := strings.Split(base, "/")
			for i := range parts {
				prefix := strings.Join(parts[:i+1], "/")
				names = append(names, prefix, prefix+"/"+fresh, prefix+"/"+fresh+"/"+fresh)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// request is one right that may be asked for.
type request struct {
	name   string // "" = the catalog
	action acrkit.Action
}

func (r request) scope() acrkit.Scope {
	if r.name == "" {
		return acrkit.CatalogScope()
	}
	return acrkit.RepositoryScope(r.name, r.action)
}

func requests(all ...scopemap.Map) []request {
	rs := []request{{}}
	for _, name := range representatives(all...) {
		for _, a := range acrkit.Actions() {
			rs = append(rs, request{name, a})
		}
	}
	return rs
}

// within reports whether one of the rights contains the request.
func within(rights []scopemap.Right, r request) bool {
	return slices.ContainsFunc(rights, func(right scopemap.Right) bool {
		if r.name == "" {
			return right.Catalog()
		}
		return right.Gateway == "" && slices.Contains(right.Actions, r.action) && right.Pattern.Match(r.name) &&
			!slices.ContainsFunc(right.Except, func(p scopemap.Pattern) bool { return p.Match(r.name) })
	})
}

func gatewayLines(m scopemap.Map) []string {
	var out []string
	for _, r := range m.Rules {
		if r.IsGateway() {
			out = append(out, r.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// genDeepMap makes maps with patterns of up to three parts from few letters, so that many
// are equal, and many contain others.
func genDeepMap() *rapid.Generator[scopemap.Map] {
	return rapid.Custom(func(t *rapid.T) scopemap.Map {
		part := rapid.SampledFrom([]string{"a", "b", "a-b"})
		var lines []string
		for range rapid.IntRange(0, 8).Draw(t, "lines") {
			pattern := "*"
			if depth := rapid.IntRange(0, 3).Draw(t, "depth"); depth > 0 {
				pattern = strings.Join(rapid.SliceOfN(part, depth, depth).Draw(t, "parts"), "/")
				if rapid.Bool().Draw(t, "wild") {
					pattern += "/*"
				}
			}
			action := rapid.SampledFrom(acrkit.Actions()[:3+rapid.IntRange(0, 2).Draw(t, "n")]).Draw(t, "action")
			lines = append(lines, "repositories/"+pattern+"/"+action.String())
		}
		return mustParseRapid(t, lines)
	})
}

// TestDiff_isExact: a request is in Gained exactly when only the second map allows it, in
// Lost exactly when only the first does, and the maps are the same exactly when there is no
// such request.
func TestDiff_isExact(t *testing.T) {
	gens := []*rapid.Generator[scopemap.Map]{genMap(), genDeepMap()}
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.SampledFrom(gens).Draw(t, "generator")
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		if rapid.IntRange(0, 3).Draw(t, "related") == 0 {
			b = scopemap.Map{Rules: append(slices.Clone(a.Rules), b.Rules[:min(1, len(b.Rules))]...)}
			slices.Reverse(b.Rules)
		}
		d := scopemap.Diff(a, b)
		same := slices.Equal(gatewayLines(a), gatewayLines(b))
		for _, r := range requests(a, b) {
			before, after := a.Decide(r.scope()).Allowed(), b.Decide(r.scope()).Allowed()
			same = same && before == after
			if got := within(d.Gained, r); got != (after && !before) {
				t.Errorf("%q -> %q: %v is in Gained: %v\n%s", a.Lines(), b.Lines(), r, got, d)
			}
			if got := within(d.Lost, r); got != (before && !after) {
				t.Errorf("%q -> %q: %v is in Lost: %v\n%s", a.Lines(), b.Lines(), r, got, d)
			}
		}
		if d.Same() != same {
			t.Errorf("%q -> %q: Same() = %v, want %v:\n%s", a.Lines(), b.Lines(), d.Same(), same, d)
		}
		back := scopemap.Diff(b, a)
		if fmt.Sprint(back.Gained, back.Lost) != fmt.Sprint(d.Lost, d.Gained) {
			t.Errorf("%q, %q: the difference is not the same both ways:\n%s\n%s", a.Lines(), b.Lines(), d, back)
		}
		for _, right := range append(slices.Clone(d.Gained), d.Lost...) {
			canonicalRight(t, right)
		}
	})
}

// canonicalRight checks what the comment of Right promises.
func canonicalRight(t *rapid.T, right scopemap.Right) {
	if (right.Gateway == "") != (len(right.Actions) > 0 && right.Pattern != "") {
		t.Errorf("%#v", right)
	}
	if !slices.IsSorted(right.Except) {
		t.Errorf("not sorted: %v", right)
	}
	for i, p := range right.Except {
		if p == right.Pattern || !right.Pattern.Match(string(p)) {
			t.Errorf("%s does not cover the exception %s", right.Pattern, p)
		}
		for j, q := range right.Except {
			if i != j && p.Match(string(q)) {
				t.Errorf("the exception %s covers %s", p, q)
			}
		}
	}
}

// TestMinimal_sameRights: a minimal map decides every request as the map itself does, and has
// each of its lines from it.
func TestMinimal_sameRights(t *testing.T) {
	gens := []*rapid.Generator[scopemap.Map]{genMap(), genDeepMap()}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(gens).Draw(t, "generator").Draw(t, "map")
		least := scopemap.Minimal(m)
		for _, r := range requests(m) {
			if want := m.Decide(r.scope()).Allowed(); least.Decide(r.scope()).Allowed() != want {
				t.Errorf("%q allows %v: %v, %q does not", m.Lines(), r, want, least.Lines())
			}
		}
		if !slices.Equal(gatewayLines(m), gatewayLines(least)) {
			t.Errorf("%q became %q", m.Lines(), least.Lines())
		}
		at := -1
		for _, r := range least.Rules {
			next := slices.Index(m.Rules, r)
			if next <= at {
				t.Errorf("%q is not in the order of %q", least.Lines(), m.Lines())
			}
			at = next
		}
		if again := scopemap.Minimal(least); !slices.Equal(again.Rules, least.Rules) {
			t.Errorf("%q, then %q", least.Lines(), again.Lines())
		}
		if d := scopemap.Diff(m, least); !d.Same() {
			t.Errorf("%q, minimal %q: %s", m.Lines(), least.Lines(), d)
		}
	})
}

// TestMinimal_isMinimal tries every map with fewer lines, of all patterns over the same
// names: none has the same rights. One action is enough, since each has lines of its own.
func TestMinimal_isMinimal(t *testing.T) {
	pool := []scopemap.Pattern{"*", "a", "a/*", "a/b", "a/b/*", "a/b/c", "b", "b/*"}
	all := scopemap.Map{}
	for _, p := range pool {
		all.Rules = append(all.Rules, scopemap.Rule{Pattern: p, Action: acrkit.MetadataRead})
	}
	asked := requests(all)
	subset := func(bits int) scopemap.Map {
		var m scopemap.Map
		for i, r := range all.Rules {
			if bits&(1<<i) != 0 {
				m.Rules = append(m.Rules, r)
			}
		}
		return m
	}
	fewest := map[string]int{} // decisions of all requests → lines of the shortest map with them
	decisions := func(m scopemap.Map) string {
		var b strings.Builder
		for _, r := range asked {
			fmt.Fprint(&b, m.Decide(r.scope()).Allowed(), ",")
		}
		return b.String()
	}
	keys := make([]string, 1<<len(pool))
	for bits := range keys {
		m := subset(bits)
		keys[bits] = decisions(m)
		if n, ok := fewest[keys[bits]]; !ok || len(m.Rules) < n {
			fewest[keys[bits]] = len(m.Rules)
		}
	}
	for bits, key := range keys {
		m := subset(bits)
		if least := scopemap.Minimal(m); len(least.Rules) != fewest[key] || decisions(least) != key {
			t.Errorf("%q became %q; %d lines are enough", m.Lines(), least.Lines(), fewest[key])
		}
		// And two maps are the same exactly when no request differs.
		for other, otherKey := range keys[:bits] {
			if got := scopemap.Diff(m, subset(other)).Same(); got != (key == otherKey) {
				t.Errorf("%q and %q: Same() = %v", m.Lines(), subset(other).Lines(), got)
			}
		}
	}
}
