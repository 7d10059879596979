package condition

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/acrkit/acrkit"
)

// name and action stand for what conditions repeat.
const (
	name   = "@Request[" + Attribute + "]"
	action = repositories + "/"
)

func must(t testing.TB, text string) *Condition {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// decisions writes what a condition allows, such as "pull:team/app".
func decisions(c *Condition, repos []string) string {
	var out []string
	for _, repo := range repos {
		for _, a := range acrkit.Actions() {
			if c.Allows(a, repo) {
				out = append(out, a.Wire()+":"+repo)
			}
		}
	}
	return strings.Join(out, " ")
}

// reader has the form that Azure's editor gives a condition on the actions of a reader.
func reader(expression string) string {
	return "(\n (\n  !(ActionMatches{'" + action + "content/read'})\n  AND\n  !(ActionMatches{'" + action +
		"metadata/read'})\n )\n OR \n (\n  " + expression + "\n )\n)"
}

// TestAllows has the documented forms, and each operator.
func TestAllows(t *testing.T) {
	repos := []string{"team", "team/app", "team/web/ui", "teams/x", "other"}
	all := []string{"content/read", "content/write", "content/delete", "metadata/read", "metadata/write"}
	only := func(expression string) string { // of all actions
		var s strings.Builder
		for _, a := range all {
			s.WriteString("!(ActionMatches{'" + action + a + "'}) AND ")
		}
		return "((" + strings.TrimSuffix(s.String(), " AND ") + ") OR (" + expression + "))"
	}
	for _, x := range []struct {
		text string
		want string // the repositories, or "ACTION:REPOSITORY", that are allowed
	}{
		// Microsoft's page on repository permissions: one repository, a prefix, two prefixes,
		// and in one line, as az prints it.
		{only(name + " StringEqualsIgnoreCase 'Team/App'"), "team/app"},
		{only(name + " StringStartsWithIgnoreCase 'TEAM/'"), "team/app team/web/ui"},
		{only(name + " StringStartsWithIgnoreCase 'team'"), "team team/app team/web/ui teams/x"},
		{only(name + " StringStartsWithIgnoreCase 'team/web/' OR " + name + " StringStartsWithIgnoreCase 'oth'"),
			"team/web/ui other"},
		// An action that is not named is not narrowed.
		{reader(name + " StringEqualsIgnoreCase 'team/app'"),
			"push:team delete:team metadata_write:team pull:team/app push:team/app delete:team/app " +
				"metadata_read:team/app metadata_write:team/app push:team/web/ui delete:team/web/ui " +
				"metadata_write:team/web/ui push:teams/x delete:teams/x metadata_write:teams/x push:other " +
				"delete:other metadata_write:other"},
		// Each operator, with and without case, and negated.
		{name + " StringEquals 'team/app'", "team/app"},
		{name + " StringEquals 'Team/app'", ""},
		{name + " StringNotEquals 'team/app'", "team team/web/ui teams/x other"},
		{name + " StringNotEqualsIgnoreCase 'TEAM/app'", "team team/web/ui teams/x other"},
		{name + " StringStartsWith 'team/'", "team/app team/web/ui"},
		{name + " StringStartsWith 'Team/'", ""},
		{name + " StringNotStartsWith 'team'", "other"},
		{name + " StringNotStartsWithIgnoreCase 'TEAM/'", "team teams/x other"},
		{name + " StringLike 'team/*'", "team/app team/web/ui"},
		{name + " StringLike '*'", "team team/app team/web/ui teams/x other"},
		{name + " StringLike 'team?/?'", "teams/x"},
		{name + " StringLike '*/*/*'", "team/web/ui"},
		{name + " StringLike 'Team/*'", ""},
		{name + " StringLikeIgnoreCase 'T*I'", "team/web/ui"},
		{name + ` StringLike 'team/\*'`, ""},
		{name + ` StringLike 'team\?/x'`, ""},
		{name + " StringNotLike 'team*'", "other"},
		{name + " StringNotLikeIgnoreCase '*APP'", "team team/web/ui teams/x other"},
		// A letter that Unicode folds to one of ASCII.
		{name + " StringEqualsIgnoreCase 'team\u017f/x'", ""},
		{name + " StringLikeIgnoreCase 'team\u017f/x'", ""},
		// Sets: one left value with any or all of the right ones.
		{name + " ForAnyOfAnyValues:StringEquals {'team', 'other'}", "team other"},
		{name + " ForAllOfAnyValues:StringEqualsIgnoreCase {'Team' , 'OTHER'}", "team other"},
		{name + " ForAnyOfAnyValues:StringLike {'team/a*', 'o*'}", "team/app other"},
		{name + " ForAnyOfAllValues:StringLike {'team*', '*app'}", "team/app"},
		{name + " ForAnyOfAllValues:StringNotEquals {'team', 'other'}", "team/app team/web/ui teams/x"},
		{name + " ForAllOfAllValues:StringNotLike {'team*', 'x'}", "other"},
		// Documented as a trap: any of two different values is always unequal.
		{name + " ForAnyOfAnyValues:StringNotEquals {'team', 'other'}", strings.Join(repos, " ")},
		// Microsoft's examples of the four.
		{"{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'blue', 'green'}", strings.Join(repos, " ")},
		{"{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'orange', 'green'}", ""},
		{"{'red', 'blue'} ForAllOfAnyValues:StringEquals {'orange', 'red', 'blue'}", strings.Join(repos, " ")},
		{"{'red', 'blue'} ForAllOfAnyValues:StringEquals {'red', 'green'}", ""},
		{"{'red', 'blue'} ForAnyOfAllValues:StringLike {'r*', '*d'}", strings.Join(repos, " ")},
		{"{'red', 'blue'} ForAllOfAllValues:StringLike {'r*', '*d'}", ""},
		{"{'red', 'reed'} ForAllOfAllValues:StringLike {'r*', '*d'}", strings.Join(repos, " ")},
		// Words and signs; what they bind to.
		{name + " StringLike 'team*' && NOT " + name + " StringEquals 'team'", "team/app team/web/ui teams/x"},
		{"!!" + name + " StringEquals 'team' || " + name + " StringEquals 'other'", "team other"},
		{"NOT (" + name + " StringEquals 'team' OR " + name + " StringEquals 'other')", "team/app team/web/ui teams/x"},
		{"(" + name + " StringEquals 'team' AND " + name + " StringEquals 'other') OR " +
			name + " StringEquals 'teams/x'",
			"teams/x"},
		{name + " StringEquals 'team' AND (" + name + " StringEquals 'other' OR " + name +
			" StringEquals 'team')", "team"},
		{"@Resource[" + strings.ToUpper(Attribute) + "]\r\n\tStringEquals\n'team'", "team"},
		{"Exists " + name + " AND " + name + " StringEquals 'team'", "team"},
		{"NOT Exists " + name, ""},
		// Patterns of actions: no case, and a wildcard.
		{"ActionMatches{'" + strings.ToUpper(action) + "CONTENT/READ'} AND " + name + " StringEquals 'team'",
			"pull:team"},
		{"ActionMatches{'*/content/*'} AND " + name + " StringEquals 'team'", "pull:team push:team delete:team"},
		{"ActionMatches{'" + action + "*/write'} AND " + name + " StringEquals 'team'",
			"push:team metadata_write:team"},
		{"ActionMatches{'Microsoft.ContainerRegistry/registries/read'}", ""},
		{"!(ActionMatches{'Microsoft.Storage/*'})", strings.Join(repos, " ")},
	} {
		var want []string
		for w := range strings.FieldsSeq(x.want) {
			if strings.Contains(w, ":") {
				want = append(want, w)
				continue
			}
			for _, a := range acrkit.Actions() {
				want = append(want, a.Wire()+":"+w)
			}
		}
		c := must(t, x.text)
		if got := decisions(c, repos); got != strings.Join(want, " ") {
			t.Errorf("%s\nallows %s\n want  %s", x.text, got, strings.Join(want, " "))
		}
		if c.String() != x.text {
			t.Errorf("the text is %q, not %q", c, x.text)
		}
	}
}

// TestAllows_none: what is no action or no repository is never allowed.
func TestAllows_none(t *testing.T) {
	c := must(t, "Exists "+name)
	for _, repo := range []string{"", "*", "Team", "a/*", "a b"} {
		if c.Allows(acrkit.ContentRead, repo) {
			t.Errorf("allowed on %q", repo)
		}
	}
	if c.Allows(0, "team") || c.Allows(99, "team") || !c.Allows(acrkit.ContentRead, "team") {
		t.Error("an action that there is not is allowed, or one that there is is not")
	}
}

// TestParse_refused: each refusal says where, and what is expected or wrong.
func TestParse_refused(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "line 1, column 1: found the end, expected ActionMatches, Exists",
		" \n ":                          "line 2, column 2: found the end",
		"(":                             "column 2: found the end",
		name:                            "found the end, expected an operator such as StringEquals",
		name + " StringEquals":          "found the end, expected a text in quotes",
		name + " StringEquals 'a":       "the text that begins here has no closing '",
		name + ` StringEquals "a"`:      "found the character U+0022",
		name + " StringEquals a":        `found "a", expected a text in quotes`,
		name + " StringEquals ''":       "the text is empty",
		name + " StringLike ''":         "the text is empty",
		name + " StringMatches 'a'":     `found "StringMatches", expected an operator such as`,
		name + " stringequals 'a'":      `found "stringequals"`,
		name + " StringEqualsNot 'a'":   `found "StringEqualsNot"`,
		name + " StringIgnoreCase 'a'":  `found "StringIgnoreCase"`,
		name + " StringNotNotLike 'a'":  `found "StringNotNotLike"`,
		name + " NumericEquals 1":       `"NumericEquals" is not understood: the name of a repository is a text`,
		name + " GuidEquals {x}":        `"GuidEquals" is not understood`,
		name + " = 'a'":                 "found the character U+003D",
		name + " StringEquals {'a'}":    "a set needs an operator with one of ForAnyOfAnyValues:",
		"{'a'} StringEquals 'a'":        "a set is compared by one of ForAnyOfAnyValues:",
		name + " ForAnyOfAnyValues 'a'": `found "ForAnyOfAnyValues", expected an operator`,
		name + " ForNoneOfAnyValues:StringEquals {'a'}":                 "expected one of ForAnyOfAnyValues:",
		name + " ForAnyOfAnyValues:StringEquals 'a'":                    "expected a set",
		name + " ForAnyOfAnyValues:StringEquals {}":                     `found "}", expected a text in quotes`,
		name + " ForAnyOfAnyValues:StringEquals {'a',}":                 `found "}", expected a text in quotes`,
		name + " ForAnyOfAnyValues:StringEquals {'a' 'b'}":              `found "b", expected }`,
		name + " ForAnyOfAnyValues:StringEquals {'a', ''}":              "the text is empty",
		name + " ForAnyOfAnyValues:StringStartsWith {'a'}":              "ForAnyOfAnyValues:StringLike {'PREFIX*'}",
		"ForAnyOfAnyValues:StringEquals " + name + " {'a'}":             `found "ForAnyOfAnyValues:StringEquals"`,
		name + " StringEquals 'a' StringEquals 'a'":                     `found "StringEquals", expected AND, OR`,
		name + " StringEquals 'a')":                                     `found ")", expected AND, OR`,
		"(" + name + " StringEquals 'a'":                                "found the end, expected )",
		name + " StringEquals 'a' AND":                                  "found the end, expected ActionMatches",
		name + " StringEquals 'a' and " + name + " StringEquals 'b'":    `found "and", expected AND, OR`,
		name + " StringEquals 'a' & " + name + " StringEquals 'b'":      "found the character U+0026",
		"Exists " + name + " AND Exists " + name + " OR Exists " + name: "AND and OR stand side by side",
		"Exists " + name + " || Exists " + name + " && Exists " + name:  "AND and OR stand side by side",
		"Resource[x:name] StringEquals 'a'":                             `found "Resource", expected ActionMatches`,
		"@Request[x:name] StringEquals 'a'":                             `"@Request[x:name]" is not understood`,
		"@Principal[" + Attribute + "] StringEquals 'a'":                "is not understood; expected @Request[",
		"@Environment[UtcNow] DateTimeGreaterThan '2024-01-01T00:00Z'":  `the attribute "@Environment[UtcNow]"`,
		"@Request[" + Attribute + " StringEquals 'a'":                   "begins here has no closing ]",
		"Exists 'a'":              "expected an attribute",
		"ActionMatches":           "found the end, expected {",
		"ActionMatches{}":         "expected an action in quotes",
		"ActionMatches{''}":       "the action is empty",
		"ActionMatches{'a', 'b'}": `found ",", expected }`,
		"ActionMatches{'a?'}":     "is no action",
		"ActionMatches{'a:b'}":    "is no action",
		"ActionMatches('a')":      `found "(", expected {`,
		"!(ActionMatches{'a'} AND SubOperationMatches{'b'})": "SubOperationMatches is not understood",
		name + ` StringEquals 'a\*'`:                         "has a backslash, which is for",
		name + ` StringLike 'a\'`:                            "has a backslash that is not before * or ?",
		name + ` StringLike 'a\b'`:                           "has a backslash that is not before * or ?",
		"(\n" + name + "\n  StringEquals\u00a0'a'\n)":        "line 3, column 15: found the character U+00A0",
		"ä\n é":                        "line 1, column 1: found the character U+00E4",
		"(\n 'é' AND é)":               `line 2, column 2: found "é", expected ActionMatches`,
		name + " StringEquals 'a\xff'": "it is not UTF-8",
	} {
		c, err := Parse(text)
		var e *acrkit.Error
		if !errors.As(err, &e) || e.Code != acrkit.CodeUsage || !strings.Contains(e.Error(), want) || c != nil {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestLimits is on both sides of each.
func TestLimits(t *testing.T) {
	const length, depth = 8192, 32
	of := func(err error) acrkit.Code {
		var e *acrkit.Error
		errors.As(err, &e)
		if e == nil {
			return ""
		}
		return e.Code
	}
	base := name + " StringEquals 'a'"
	long := func(n int) string { return base + strings.Repeat(" ", n-len(base)) }
	nested := func(n int, open, after string) string {
		return strings.Repeat(open, n) + base + strings.Repeat(after, n)
	}
	for what, x := range map[string]struct {
		text string
		want acrkit.Code
	}{
		"longest":              {long(length), ""},
		"too long":             {long(length + 1), acrkit.CodeTooLarge},
		"deepest":              {nested(depth, "(", ")"), ""},
		"too deep":             {nested(depth+1, "(", ")"), acrkit.CodeTooLarge},
		"deepest negation":     {nested(depth, "!", ""), ""},
		"too deep a negation":  {nested(depth+1, "NOT ", ""), acrkit.CodeTooLarge},
		"side by side":         {nested(depth, "(", ")") + " OR " + nested(depth, "(", ")"), ""},
		"deep, both, too deep": {nested(depth/2+1, "!(", ")"), acrkit.CodeTooLarge},
	} {
		if _, err := Parse(x.text); of(err) != x.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRandom builds conditions with a model beside them.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, model := build(t, 5)
		c, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, a := range acrkit.Actions() {
			repo := rapid.StringMatching(`[ab]{1,3}(/[ab]{1,3})?`).Draw(t, "repository")
			if got, want := c.Allows(a, repo), model(a, repo); got != want {
				t.Fatalf("%s\nof %v on %s is %v", text, a, repo, got)
			}
		}
	})
}

type model func(acrkit.Action, string) bool

// build returns a condition and what it means.
func build(t *rapid.T, depth int) (string, model) {
	n := 8
	if depth == 0 {
		n = 4
	}
	space := rapid.SampledFrom([]string{" ", "\n", "\t ", "  "}).Draw(t, "space")
	switch rapid.IntRange(0, n).Draw(t, "form") {
	case 0:
		a := rapid.SampledFrom(acrkit.Actions()).Draw(t, "action")
		return "ActionMatches{'" + action + a.String() + "'}", func(b acrkit.Action, _ string) bool { return a == b }
	case 5:
		text, x := build(t, depth-1)
		return rapid.SampledFrom([]string{"!", "NOT "}).Draw(t, "not") + "(" + text + ")",
			func(a acrkit.Action, r string) bool { return !x(a, r) }
	case 6, 7, 8:
		and := rapid.Bool().Draw(t, "and")
		words := []string{"OR", "||"}
		if and {
			words = []string{"AND", "&&"}
		}
		text, m := build(t, depth-1)
		text = "(" + text + ")"
		all := []model{m}
		for range rapid.IntRange(1, 3).Draw(t, "more") {
			more, m := build(t, depth-1)
			text += space + rapid.SampledFrom(words).Draw(t, "word") + "(" + more + ")"
			all = append(all, m)
		}
		return text, func(a acrkit.Action, r string) bool {
			is := func(m model) bool { return m(a, r) }
			if and {
				return !slices.ContainsFunc(all, func(m model) bool { return !is(m) })
			}
			return slices.ContainsFunc(all, is)
		}
	}
	kind := rapid.SampledFrom([]string{"Equals", "StartsWith", "Like"}).Draw(t, "kind")
	not, fold := rapid.Bool().Draw(t, "negated"), rapid.Bool().Draw(t, "fold")
	value := func() string {
		if kind == "Like" {
			return rapid.StringMatching(`[abAB/*?]{1,5}`).Draw(t, "value")
		}
		return rapid.StringMatching(`[abAB/]{1,4}`).Draw(t, "value")
	}
	operator := "String"
	if not {
		operator += "Not"
	}
	operator += kind
	if fold {
		operator += "IgnoreCase"
	}
	compare := func(r, v string) bool {
		expression := regexp.QuoteMeta(v)
		switch kind {
		case "StartsWith":
			expression += ".*"
		case "Like":
			expression = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(expression)
		}
		if fold {
			expression = "(?i:" + expression + ")"
		}
		return regexp.MustCompile("^(?:"+expression+")$").MatchString(r) != not
	}
	quantifier := rapid.SampledFrom([]string{"", "ForAnyOfAnyValues", "ForAllOfAnyValues", "ForAnyOfAllValues",
		"ForAllOfAllValues"}).Draw(t, "quantifier")
	if quantifier == "" || kind == "StartsWith" {
		v := value()
		return name + space + operator + " '" + v + "'", func(_ acrkit.Action, r string) bool { return compare(r, v) }
	}
	values := []string{value(), value()}
	return fmt.Sprintf("%s %s:%s%s{'%s','%s'}", name, quantifier, operator, space, values[0], values[1]),
		func(_ acrkit.Action, r string) bool {
			x, y := compare(r, values[0]), compare(r, values[1])
			if strings.HasSuffix(quantifier, "AllValues") {
				return x && y
			}
			return x || y
		}
}

// TestLike_time: a pattern of many wildcards takes no exponential time.
func TestLike_time(t *testing.T) {
	c := must(t, name+" StringLike '"+strings.Repeat("*a", 2000)+"b'")
	for range 50 {
		if c.Allows(acrkit.ContentRead, strings.Repeat("a", 250)) {
			t.Fatal("a name of letters a ends in b")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{reader(name + " StringEqualsIgnoreCase 'team/app'"),
		name + " ForAllOfAnyValues:StringNotLike {'team/*', 'x\\?'}", "NOT Exists " + name,
		"{'a'} ForAnyOfAllValues:StringEquals {'a','b'} && !(ActionMatches{'*'})", "((((", "'", "@", "é"} {
		f.Add(text, "team/app")
	}
	f.Fuzz(func(t *testing.T, text, repo string) {
		c, err := Parse(text)
		if err != nil {
			if c != nil || !strings.Contains(err.Error(), "read the condition") {
				t.Errorf("%v, %v", c, err)
			}
			return
		}
		if c.String() != text || len(text) > MaxLength {
			t.Errorf("%q became %q", text, c)
		}
		valid := acrkit.CheckRepositoryName(repo) == nil
		opposite, err := Parse("NOT (" + text + ")")
		if err != nil { // near a limit
			opposite = nil
		}
		twice, err := Parse("(" + text + ") AND (" + text + ")")
		if err != nil {
			twice = nil
		}
		for _, a := range acrkit.Actions() {
			is := c.Allows(a, repo)
			if is && !valid {
				t.Errorf("%q allows the invalid name %q", text, repo)
			}
			if opposite != nil && valid && opposite.Allows(a, repo) == is {
				t.Errorf("%q and its negation agree on %q", text, repo)
			}
			if twice != nil && twice.Allows(a, repo) != is {
				t.Errorf("%q is another than itself AND itself on %q", text, repo)
			}
		}
	})
}
