package scopemapcmd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// scopeOf is what a use requires: RulesFor, the other way round.
func scopeOf(r scopemap.Rule) acrkit.Scope {
	if r.Pattern == scopemap.Root {
		return acrkit.CatalogScope()
	}
	return acrkit.RepositoryScope(string(r.Pattern), r.Action)
}

var usedRule = rapid.Custom(func(t *rapid.T) scopemap.Rule {
	if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
		return scopemap.Rule{Pattern: scopemap.Root, Action: acrkit.MetadataRead}
	}
	return scopemap.Rule{Pattern: scopemap.Pattern(rapid.StringMatching(`[ab](/[abc](/[a-e])?)?`).Draw(t, "name")),
		Action: rapid.SampledFrom(acrkit.Actions()).Draw(t, "action")}
})

func drawUses(t *rapid.T) (uses []scopemap.Use) {
	for i, r := range rapid.SliceOf(usedRule).Draw(t, "used") {
		at := time.Unix(int64(1000+i*7%5), 0).UTC()
		uses = append(uses, scopemap.Use{Rule: r, First: at, Last: at.Add(time.Minute), Count: int64(1 + i%3),
			Sources: []string{string(rune('a' + i%3))}})
	}
	return uses
}

func sorted(uses []scopemap.Use) []scopemap.Use {
	out := slices.Clone(uses)
	slices.SortStableFunc(out, func(a, b scopemap.Use) int { return scopemap.CompareRules(a.Rule, b.Rule) })
	return out
}

func suggest(uses []scopemap.Use, wildcards bool) (rows []scopemap.Use, m scopemap.Map) {
	rows = slices.Collect(scopemap.Suggest(slices.Values(sorted(uses)), wildcards))
	for _, u := range rows {
		m.Rules = append(m.Rules, u.Rule)
	}
	return rows, m
}

// TestSuggest: everything that was used is allowed, and without any one line something is not;
// no right is granted that was not used; the order of the uses makes no difference, and none
// of them is lost.
func TestSuggest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uses := drawUses(t)
		rows, m := suggest(uses, false)
		all, total := acrkit.Scope{}, int64(0)
		for _, u := range uses {
			all, total = all.Union(scopeOf(u.Rule)), total+u.Count
		}
		if d := m.Decide(all); !d.Allowed() {
			t.Fatalf("%v: missing %s", m.Lines(), d.Missing)
		}
		for i := range m.Rules {
			less := scopemap.Map{Rules: slices.Delete(slices.Clone(m.Rules), i, i+1)}
			if less.Decide(all).Allowed() {
				t.Fatalf("%v: line %d is not needed for %s", m.Lines(), i, all)
			}
		}
		counted := int64(0)
		for _, u := range rows {
			counted += u.Count
			if u.Rule.Pattern.IsWildcard() && u.Rule.Pattern != scopemap.Root {
				t.Fatalf("a wildcard that was not requested: %s", u.Rule)
			}
		}
		if counted != total {
			t.Fatalf("%d uses, want %d", counted, total)
		}
		rules, never := scopemap.RulesFor(all)
		if !never.IsEmpty() {
			t.Fatalf("%s is never allowed", never)
		}
		if d := scopemap.Diff(m, scopemap.Map{Rules: rules}); !d.Same() {
			t.Fatalf("RulesFor and Suggest differ: %s", d)
		}
		other := rapid.Permutation(uses).Draw(t, "order")
		again, _ := suggest(other, false)
		if diff := cmp.Diff(rows, again, cmp.Comparer(func(a, b scopemap.Rule) bool { return a == b })); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestSuggest_wildcards: the map allows no less, never everything, and a wildcard is there for
// at least three patterns.
func TestSuggest_wildcards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uses := drawUses(t)
		_, narrow := suggest(uses, false)
		rows, wide := suggest(uses, true)
		if d := scopemap.Diff(narrow, wide); len(d.Lost) > 0 {
			t.Fatalf("lost: %s", d)
		}
		for _, u := range rows {
			if u.Rule.Pattern == scopemap.Root && u.Rule.Action != acrkit.MetadataRead {
				t.Fatalf("%s", u.Rule)
			}
			if p, ok := strings.CutSuffix(string(u.Rule.Pattern), "/*"); ok {
				names := 0
				for _, r := range narrow.Rules {
					if r.Action == u.Rule.Action && strings.HasPrefix(string(r.Pattern), p+"/") {
						names++
					}
				}
				if names < scopemap.WildcardNames {
					t.Fatalf("%s stands for %d names", u.Rule, names)
				}
			}
		}
		if len(wide.Rules) > len(narrow.Rules) || len(wide.Rules) != len(scopemap.Minimal(wide).Rules) {
			t.Fatalf("%v has superfluous lines", wide.Lines())
		}
	})
}

func TestSuggest_rule(t *testing.T) {
	for _, tt := range []struct{ in, narrow, wide string }{
		{"", "", ""},
		{"team/a team/b", "team/a team/b", "team/a team/b"},
		{"team/a team/b team/c", "team/a team/b team/c", "team/*"},
		{"a b c", "a b c", "a b c"}, // never the root
		{"t/a/1 t/a/2 t/a/3 t/b", "t/a/1 t/a/2 t/a/3 t/b", "t/a/* t/b"},
		{"t t/a/1 t/a/2 t/a/3 t/b t/c u", "t t/a/1 t/a/2 t/a/3 t/b t/c u", "t t/* u"},
		{"t/a-b t/a/x t/a/y", "t/a-b t/a/x t/a/y", "t/*"},
	} {
		var uses []scopemap.Use
		for name := range strings.FieldsSeq(tt.in) {
			uses = append(uses, scopemap.Use{Rule: scopemap.Rule{Pattern: scopemap.Pattern(name),
				Action: acrkit.ContentRead}, Count: 1})
		}
		for wildcards, want := range map[bool]string{false: tt.narrow, true: tt.wide} {
			_, m := suggest(uses, wildcards)
			slices.SortFunc(m.Rules, scopemap.CompareRules)
			var got []string
			for _, r := range m.Rules {
				got = append(got, string(r.Pattern))
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%q, wildcards %v: %q, want %q", tt.in, wildcards, text, want)
			}
		}
	}
}

// TestReview: nothing is added; what was used, or might have been, stays; what is left cannot
// be made smaller; the change is what the rows say.
func TestReview(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		uses := drawUses(t)
		granted := drawMap(t)
		hidden := rapid.SampledFrom(append(acrkit.Actions(), 0)).Draw(t, "hidden")
		shown := func(r scopemap.Rule) bool { return r.Action != hidden }
		wildcards := rapid.Bool().Draw(t, "wildcards")
		rows, left := scopemap.Review(granted, slices.Values(sorted(uses)), shown, wildcards)
		d := scopemap.Diff(granted, left)
		if d.Widens() {
			t.Fatalf("gained: %s", d)
		}
		for _, r := range d.Lost {
			if r.Gateway != "" || slices.Contains(r.Actions, hidden) {
				t.Fatalf("unknown, and lost: %s", r)
			}
		}
		for _, u := range uses {
			scope := scopeOf(u.Rule)
			if granted.Decide(scope).Allowed() && !left.Decide(scope).Allowed() {
				t.Fatalf("used, granted and lost: %s", u.Rule)
			}
		}
		for i, r := range left.Rules {
			if r.IsGateway() || !shown(r) || wildcards && r.Pattern.IsWildcard() {
				continue
			}
			less := scopemap.Map{Rules: slices.Delete(slices.Clone(left.Rules), i, i+1)}
			needed := func(u scopemap.Use) bool { return !less.Decide(scopeOf(u.Rule)).Allowed() }
			if !slices.ContainsFunc(uses, needed) {
				t.Fatalf("%s was not used and stays; used: %v", r, uses)
			}
		}
		for _, row := range rows {
			if (row.State == scopemap.Used || row.State == scopemap.NotGranted) != (row.Count > 0) &&
				row.State != scopemap.Unknown {
				t.Fatalf("%+v", row)
			}
		}
	})
}

func drawMap(t *rapid.T) (m scopemap.Map) {
	lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			return "gateway/edge/config/read"
		}
		return "repositories/" + rapid.StringMatching(`\*|[ab](/\*|/[abc](/\*|/[a-e])?)?`).Draw(t, "pattern") + "/" +
			rapid.SampledFrom(acrkit.Actions()).Draw(t, "action").String()
	}), 0, 12).Draw(t, "granted")
	m, err := scopemap.Parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTried: what was tried and always failed is not suggested, and keeps the line that gives it, or
// its name under a wildcard; it is no use, and changes nothing of a use beside it.
func TestTried(t *testing.T) {
	rule := func(name string) scopemap.Rule {
		return scopemap.Rule{Pattern: scopemap.Pattern(name), Action: acrkit.ContentRead}
	}
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	tried := func(name string) scopemap.Use {
		return scopemap.Use{Rule: rule(name), First: at(1), Last: at(9), Failed: 2}
	}
	used := func(name string) scopemap.Use {
		return scopemap.Use{Rule: rule(name), First: at(3), Last: at(4), Count: 1}
	}
	for _, tt := range []struct {
		uses                     []scopemap.Use
		granted, suggested, left string
		state                    scopemap.UseState // of the first line
	}{
		{[]scopemap.Use{tried("a")}, "a b", "", "a", scopemap.Unknown},
		{[]scopemap.Use{tried("a"), used("a")}, "a b", "a", "a", scopemap.Used},
		{[]scopemap.Use{used("a"), tried("a")}, "a", "a", "a", scopemap.Used},
		{[]scopemap.Use{tried("t/a"), used("t/b")}, "t/*", "t/b", "t/a t/b", scopemap.Used},
		{[]scopemap.Use{tried("t/a")}, "t/*", "", "t/a", scopemap.Unknown},
		{[]scopemap.Use{tried("c")}, "a", "", "", scopemap.Unused},
	} {
		_, m := suggest(tt.uses, false)
		var granted scopemap.Map
		for name := range strings.FieldsSeq(tt.granted) {
			granted.Rules = append(granted.Rules, rule(name))
		}
		rows, left := scopemap.Review(granted, slices.Values(tt.uses), func(scopemap.Rule) bool { return true }, false)
		names := func(m scopemap.Map) (out []string) {
			for _, r := range m.Rules {
				out = append(out, string(r.Pattern))
			}
			return out
		}
		if strings.Join(names(m), " ") != tt.suggested || strings.Join(names(left), " ") != tt.left ||
			rows[0].State != tt.state || len(rows) != len(granted.Rules) {
			t.Errorf("%v: suggested %v, left %v, %+v", tt.uses, names(m), names(left), rows)
		}
		if rows[0].Count > 0 && (!rows[0].First.Equal(at(3)) || !rows[0].Last.Equal(at(4))) {
			t.Errorf("%v: %+v", tt.uses, rows[0])
		}
	}
}

// TestReview_limit: a wildcard stays if its names would be too many lines for a map.
func TestReview_limit(t *testing.T) {
	granted, err := scopemap.Parse([]string{"repositories/t/*/content/read", "repositories/a/content/read"})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]int{scopemap.MaxActions: scopemap.MaxActions, scopemap.MaxActions + 1: 1} {
		var uses []scopemap.Use
		for i := range n {
			uses = append(uses, scopemap.Use{Rule: scopemap.Rule{Pattern: scopemap.Pattern(fmt.Sprintf("t/%d", i)),
				Action: acrkit.ContentRead}, Count: 1})
		}
		rows, left := scopemap.Review(granted, slices.Values(sorted(uses)),
			func(scopemap.Rule) bool { return true }, false)
		if len(left.Rules) != want || rows[0].Count != int64(n) || rows[1].State != scopemap.Unused {
			t.Errorf("%d names: %d lines, want %d; %d uses", n, len(left.Rules), want, rows[0].Count)
		}
	}
}

func TestRulesFor(t *testing.T) {
	required, err := acrkit.ParseScope("registry:catalog:* repository:b:push,pull " +
		"repository:a:metadata_read,other x:y:z")
	if err != nil {
		t.Fatal(err)
	}
	rules, never := scopemap.RulesFor(required)
	want := []string{"repositories/*/metadata/read", "repositories/a/metadata/read", "repositories/b/content/read",
		"repositories/b/content/write"}
	if diff := cmp.Diff(want, scopemap.Map{Rules: rules}.Lines()); diff != "" {
		t.Error(diff)
	}
	if never.String() != "repository:a:other x:y:z" {
		t.Error(never)
	}
}
