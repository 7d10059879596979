package scopemapcmd

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/scopemap"
)

// TestAssignments: with the condition, the role gives exactly the rights of the lines, and no
// smaller role could.
func TestAssignments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) scopemap.Rule {
			return scopemap.Rule{Pattern: scopemap.Pattern(rapid.StringMatching(`[ab](/[ab])?(/\*)?`).Draw(t, "pattern")),
				Action: rapid.SampledFrom(acrkit.Actions()).Draw(t, "action")}
		}), 0, 10).Draw(t, "rules")
		catalog := rapid.Bool().Draw(t, "catalog")
		m := scopemap.Map{Rules: lines}
		list, err := assignments(lines, catalog)
		if err != nil {
			t.Fatal(err)
		}
		if catalog != slices.ContainsFunc(list, func(a assignment) bool { return a.Role == catalogRole }) ||
			len(list) > 2 || catalog && list[len(list)-1].Condition != "" {
			t.Fatalf("%+v", list)
		}
		if len(lines) == 0 {
			return
		}
		c, err := condition.Parse(list[0].Condition)
		if err != nil {
			t.Fatalf("%v\n%s", err, list[0].Condition)
		}
		var role []string
		for i, r := range abacRoles {
			if r.name != list[0].Role {
				continue
			}
			role = r.actions
			needs := func(l scopemap.Rule) bool {
				return i > 0 && !slices.Contains(abacRoles[i-1].actions, l.Action.String())
			}
			if i > 0 && !slices.ContainsFunc(lines, needs) {
				t.Fatalf("%s would do, and not %s", abacRoles[i-1].name, r.name)
			}
		}
		for _, a := range acrkit.Actions() {
			for _, name := range []string{"a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b", "ab", "c", "a/ab/c"} {
				want := slices.Contains(m.Effective(name), a)
				if got := slices.Contains(role, a.String()) && c.Allows(a, name); got != want {
					t.Fatalf("%s on %s: %v, want %v\n%v\n%s", a, name, got, want, m.Lines(), list[0].Condition)
				}
			}
		}
	})
}

// TestAssignments_limit: a condition has at most the 8 KiB that Azure allows.
func TestAssignments_limit(t *testing.T) {
	const most = 8192
	rules := func(last int) (rules []scopemap.Rule) {
		for i := range 30 {
			rules = append(rules, scopemap.Rule{Pattern: scopemap.Pattern(fmt.Sprintf("%s/%03d",
				strings.Repeat("a", 200), i)),
				Action: acrkit.ContentRead})
		}
		return append(rules, scopemap.Rule{Pattern: scopemap.Pattern(strings.Repeat("b", last)),
			Action: acrkit.ContentRead},
			scopemap.Rule{Pattern: scopemap.Pattern(strings.Repeat("c", 200)), Action: acrkit.ContentWrite})
	}
	one, err := assignments(rules(1), false)
	if err != nil {
		t.Fatal(err)
	}
	room := most - len(one[0].Condition)
	if list, err := assignments(rules(1+room), false); err != nil || len(list[0].Condition) != most {
		t.Errorf("%d bytes left, %v", room, err)
	}
	if _, err := assignments(rules(2+room), false); acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Error(err)
	}
}
