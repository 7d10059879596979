package scopemap_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/scopemap"
)

func mustParse(tb testing.TB, lines ...string) scopemap.Map {
	tb.Helper()
	m, err := scopemap.Parse(lines)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func mustScope(tb testing.TB, s string) acrkit.Scope {
	tb.Helper()
	scope, err := acrkit.ParseScope(s)
	if err != nil {
		tb.Fatal(err)
	}
	return scope
}

func TestPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern  string
		wildcard bool
		covers   []string
		not      []string
	}{
		{"samples/app", false, []string{"samples/app"},
			[]string{"", "samples", "samples/app2", "samples/app/x", "samples/ap"}},
		{"samples/*", true, []string{"samples/app", "samples/app/x/y"},
			[]string{"", "samples", "samples/", "samples2/app", "x/samples/app"}},
		{"a/b/*", true, []string{"a/b/c"}, []string{"a/b", "a/c", "a/bc"}},
		{"*", true, []string{"samples", "samples/app"}, []string{""}},
	} {
		t.Run(tc.pattern, func(t *testing.T) {
			p, err := scopemap.ParsePattern(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if string(p) != tc.pattern || p.IsWildcard() != tc.wildcard {
				t.Errorf("ParsePattern(%q) = %q, wildcard %v", tc.pattern, p, p.IsWildcard())
			}
			for _, name := range tc.covers {
				if !p.Match(name) {
					t.Errorf("%q does not cover %q", p, name)
				}
			}
			for _, name := range tc.not {
				if p.Match(name) {
					t.Errorf("%q covers %q", p, name)
				}
			}
		})
	}
}

func TestParsePattern_refuses(t *testing.T) {
	for _, tc := range []struct{ in, message string }{
		{"", "is empty"},
		{"/*", "is empty"},
		{"sample/*/teamA", "not at the end"},
		{"sample/teamA*", "inside a name"},
		{"sample*", "inside a name"},
		{"*/app", "not at the end"},
		{"*/*", "more than one wildcard"},
		{"sample/*/*", "more than one wildcard"},
		{"**", "more than one wildcard"},
		{"Samples/*", "upper-case"},
		{"samples/?", "is not a repository name"},
		{"samples//*", "is not a repository name"},
		{strings.Repeat("a*", 5000), "more than one wildcard"},
	} {
		p, err := scopemap.ParsePattern(tc.in)
		if !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), tc.message) || p != "" {
			t.Errorf("ParsePattern(%.40q) = %q, %v, want a usage error with %q", tc.in, p, err, tc.message)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("the message for %.40q has %d bytes", tc.in, len(err.Error()))
		}
	}
}

// TestPattern_unchecked makes sure that a pattern made without
// ParsePattern grants no more than its own text.
func TestPattern_unchecked(t *testing.T) {
	for pattern, name := range map[scopemap.Pattern]string{"sam*": "samples", "": "", "**": "a", "a/*/b": "a/x/b",
		"*/b": "a/b", "a*/b": "ax/b", "/*": "a"} {
		if pattern.Match(name) {
			t.Errorf("%q covers %q", pattern, name)
		}
	}
}

func TestParseRule(t *testing.T) {
	for _, tc := range []struct {
		line    string
		pattern scopemap.Pattern
		action  acrkit.Action
		gateway bool
	}{
		{"repositories/samples/app/content/read", "samples/app", acrkit.ContentRead, false},
		{"repositories/samples/*/metadata/write", "samples/*", acrkit.MetadataWrite, false},
		{"repositories/*/content/delete", "*", acrkit.ContentDelete, false},
		{"repositories/content/content/write", "content", acrkit.ContentWrite, false},
		{"repositories/a/content/read/metadata/read", "a/content/read", acrkit.MetadataRead, false},
		{"gateway/myconnected/config/read", "", 0, true},
		{"gateway/*/message/write", "", 0, true},
	} {
		t.Run(tc.line, func(t *testing.T) {
			r, err := scopemap.ParseRule(tc.line)
			if err != nil {
				t.Fatal(err)
			}
			if r.Pattern != tc.pattern || r.Action != tc.action || r.IsGateway() != tc.gateway ||
				r.String() != tc.line {
				t.Errorf("ParseRule(%q) = %+v, text %q", tc.line, r, r)
			}
		})
	}
}

func TestParseRule_refuses(t *testing.T) {
	for _, tc := range []struct{ line, message string }{
		{"", "not of the form"},
		{"repositories", "not of the form"},
		{"repositories/content/read", "not of the form"},
		{"repositories//content/read", "not of the form"},
		{"repositories/app/content", "not of the form"},
		{"repositories/a/b/content", "none of content/read"},
		{"repositories/app/pull", "not of the form"},
		{"repositories/app/x/pull", "none of content/read"},
		{"repositories/app/content/Read", "none of content/read"},
		{"repositories/app/metadata/delete", "none of content/read"},
		{"repository/app/content/read", "does not begin with repositories/"},
		{"/repositories/app/content/read", "does not begin"},
		{" repositories/app/content/read", "does not begin"},
		{"repositories/app/content/read ", "none of content/read"},
		{"repositories/app*/content/read", "inside a name"},
		{"repositories/App/content/read", "upper-case"},
		{"gateway/a/content/read", "gateways do not know"},
		{"gateway/a/b/config/read", "connected registry"},
		{"gateway//config/read", "not of the form"},
		{"repositories/" + strings.Repeat("a", 600) + "/content/read", "longer than 512"},
	} {
		r, err := scopemap.ParseRule(tc.line)
		if !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), tc.message) || r != (scopemap.Rule{}) {
			t.Errorf("ParseRule(%.60q) = %+v, %v, want a usage error with %q", tc.line, r, err, tc.message)
		}
	}
}

func TestParse(t *testing.T) {
	t.Run("every bad line is reported", func(t *testing.T) {
		_, err := scopemap.Parse([]string{"repositories/a/content/read", "nonsense", "repositories/b*/content/read"})
		if err == nil || !errors.Is(err, acrkit.CodeUsage) {
			t.Fatalf("error = %v, want usage", err)
		}
		for _, want := range []string{"action 2:", "action 3:"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not name %s", err, want)
			}
		}
		if strings.Contains(err.Error(), "action 1:") {
			t.Errorf("error %q blames a good line", err)
		}
	})
	t.Run("limit of the service", func(t *testing.T) {
		lines := slices.Repeat([]string{"repositories/a/content/read"}, scopemap.MaxActions)
		if _, err := scopemap.Parse(lines); err != nil {
			t.Errorf("%d actions: %v", len(lines), err)
		}
		if _, err := scopemap.Parse(append(lines, lines[0])); !errors.Is(err, acrkit.CodeTooLarge) {
			t.Errorf("%d actions: %v, want too_large", len(lines)+1, err)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		m := mustParse(t)
		if len(m.Lines()) != 0 || len(m.Effective("a")) != 0 || m.Decide(mustScope(t, "repository:a:pull")).Allowed() {
			t.Error("an empty map grants something")
		}
	})
}

// TestEffective follows the example of Microsoft's page on wildcards: rules of
// overlapping patterns add up.
func TestEffective(t *testing.T) {
	m := mustParse(t,
		"repositories/sample/team-a/project-b/content/delete",
		"repositories/sample/*/content/read",
		"repositories/sample/team-a/*/content/write",
	)
	for name, want := range map[string][]acrkit.Action{
		"sample/x":                  {acrkit.ContentRead},
		"sample/team-a/x":           {acrkit.ContentRead, acrkit.ContentWrite},
		"sample/team-a/project-b":   {acrkit.ContentRead, acrkit.ContentWrite, acrkit.ContentDelete},
		"sample/team-a/project-b/x": {acrkit.ContentRead, acrkit.ContentWrite},
		"sample":                    nil,
		"":                          nil,
	} {
		if diff := difftest.Diff(want, m.Effective(name)); diff != "" {
			t.Errorf("Effective(%q) (-want +got):\n%s", name, diff)
		}
	}
}

func TestDecide(t *testing.T) {
	m := mustParse(t,
		"repositories/sample/*/content/read",
		"repositories/sample/team-a/*/content/write",
		"repositories/sample/team-a/project-b/content/delete",
		"gateway/connected/config/read",
	)
	root := mustParse(t, "repositories/*/metadata/read")
	under := mustParse(t, "repositories/sample/*/metadata/read", "repositories/*/content/read")
	for _, tc := range []struct {
		name             string
		m                scopemap.Map
		required         string
		granted, missing string
		by               []string
	}{
		{"nothing required", m, "", "", "", nil},
		{"pull", m, "repository:sample/x:pull", "repository:sample/x:pull", "",
			[]string{"repositories/sample/*/content/read"}},
		{"pull and push, only the first", m, "repository:sample/x:pull,push", "repository:sample/x:pull",
			"repository:sample/x:push",
			[]string{"repositories/sample/*/content/read"}},
		{"rules add up", m, "repository:sample/team-a/project-b:delete,pull,push",
			"repository:sample/team-a/project-b:delete,pull,push", "",
			[]string{"repositories/sample/team-a/project-b/content/delete", "repositories/sample/*/content/read",
				"repositories/sample/team-a/*/content/write"}},
		{"a sibling", m, "repository:sample/team-a/project-c:delete", "",
			"repository:sample/team-a/project-c:delete", nil},
		{"the folder itself", m, "repository:sample:pull", "", "repository:sample:pull", nil},
		{"another right", m, "repository:sample/x:metadata_read", "", "repository:sample/x:metadata_read", nil},
		{"mount from what may be read", m, "repository:sample/team-a/x:pull,push repository:sample/y:pull",
			"repository:sample/team-a/x:pull,push repository:sample/y:pull", "",
			[]string{"repositories/sample/*/content/read", "repositories/sample/team-a/*/content/write"}},
		{"mount from elsewhere", m, "repository:sample/team-a/x:pull,push repository:other:pull",
			"repository:sample/team-a/x:pull,push", "repository:other:pull",
			[]string{"repositories/sample/*/content/read", "repositories/sample/team-a/*/content/write"}},
		{"scope map words are not wire words", m, "repository:sample/x:content/read", "",
			"repository:sample/x:content/read", nil},
		{"star is no action", root, "repository:a:*", "", "repository:a:*", nil},
		{"unknown type", root, "artifact-repository:a:metadata_read", "", "artifact-repository:a:metadata_read", nil},
		{"catalog with the root", root, "registry:catalog:*", "registry:catalog:*", "",
			[]string{"repositories/*/metadata/read"}},
		{"catalog without the root", under, "registry:catalog:*", "", "registry:catalog:*", nil},
		{"another registry right", root, "registry:deleted_catalog:*", "", "registry:deleted_catalog:*", nil},
		{"another catalog word", root, "registry:catalog:read", "", "registry:catalog:read", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			required := mustScope(t, tc.required)
			d := tc.m.Decide(required)
			if d.Granted.String() != tc.granted || d.Missing.String() != tc.missing ||
				d.Allowed() != (tc.missing == "") {
				t.Errorf("Decide(%q): granted %q, missing %q, allowed %v", required, d.Granted, d.Missing, d.Allowed())
			}
			var by []string
			for _, r := range d.By {
				by = append(by, r.String())
			}
			if diff := difftest.Diff(tc.by, by); diff != "" {
				t.Errorf("granted by (-want +got):\n%s", diff)
			}
			if got := tc.m.Grant(required); !got.Equal(d.Granted) {
				t.Errorf("Grant = %q, want %q", got, d.Granted)
			}
		})
	}
}

// TestDecide_uncheckedWords gives it what no parser returns, as a foreign claim
// might.
func TestDecide_uncheckedWords(t *testing.T) {
	admin := scopemap.System()[0]
	for _, a := range []acrkit.Access{
		{Type: "repository", Name: "", Actions: []string{"pull"}},
		{Type: "repository", Name: "a", Actions: []string{""}},
		{Type: "repository", Name: "a", Actions: []string{"pull,push"}},
		{Type: "", Name: "a", Actions: []string{"pull"}},
		{Type: "Repository", Name: "a", Actions: []string{"pull"}},
	} {
		if d := admin.Decide(acrkit.NewScope(a)); d.Allowed() {
			t.Errorf("%+v is allowed", a)
		}
	}
	var zero scopemap.Rule
	m := scopemap.Map{Rules: []scopemap.Rule{zero}}
	if d := m.Decide(acrkit.NewScope(acrkit.Access{Type: "repository", Name: "",
		Actions: []string{"pull", ""}})); d.Allowed() || !d.Granted.IsEmpty() {
		t.Errorf("the zero rule grants %q", d.Granted)
	}
}

// TestDecide_impossibleNames: a wildcard grants nothing on what can never be a
// repository; an access token for "samples/*" could be read as one for all.
func TestDecide_impossibleNames(t *testing.T) {
	m := mustParse(t, "repositories/*/content/read", "repositories/samples/*/content/read",
		"repositories/samples/app/content/read")
	m.Rules = append(m.Rules, scopemap.Rule{Pattern: "samples/App", Action: acrkit.ContentRead}) // past the parser
	for _, name := range []string{"samples/*", "*", "-a", "samples/-a", "samples/app:pull", "samples//app",
		"samples/app/", "/samples/app",
		"samples/App", "samples/../app", "samples/a b", "samples/ä", strings.Repeat("a", acrkit.MaxRepositoryName+1)} {
		required := acrkit.NewScope(acrkit.Access{Type: "repository", Name: name, Actions: []string{"pull"}})
		if d := m.Decide(required); d.Allowed() || !d.Granted.IsEmpty() || !d.Missing.Equal(required) || len(d.By) > 0 {
			t.Errorf("%q: granted %q by %v, missing %q", name, d.Granted, d.By, d.Missing)
		}
		if got := m.Effective(name); len(got) > 0 {
			t.Errorf("Effective(%q) = %v", name, got)
		}
	}
	if !m.Decide(mustScope(t, "repository:samples/app:pull repository:x:pull")).Allowed() {
		t.Error("names that can exist are refused")
	}
}

// TestDecide_isLinear: the largest scope against the largest map, an attacker's
// cheapest long question, must not cost the square of its length.
func TestDecide_isLinear(t *testing.T) {
	var text strings.Builder
	for i := 0; text.Len() < acrkit.MaxScope-40; i++ {
		fmt.Fprintf(&text, "repository:r%d:pull ", i)
	}
	required := mustScope(t, text.String())
	var lines []string
	for i := range scopemap.MaxActions {
		lines = append(lines, fmt.Sprintf("repositories/r%d/content/read", i))
	}
	m := mustParse(t, lines...)
	var d scopemap.Decision
	allocs := testing.AllocsPerRun(1, func() { d = m.Decide(required) })
	if most := float64(10 * required.Len()); allocs > most {
		t.Errorf("%d rights against %d rules took %v allocations, want at most %v", required.Len(),
			len(lines), allocs, most)
	}
	if d.Granted.Len() != scopemap.MaxActions || d.Missing.Len() != required.Len()-scopemap.MaxActions {
		t.Errorf("granted %d, missing %d of %d", d.Granted.Len(), d.Missing.Len(), required.Len())
	}
}

func TestSystem(t *testing.T) {
	want := map[string][]string{
		"_repositories_admin": {"metadata/read", "metadata/write", "content/read", "content/write",
			"content/delete"},
		"_repositories_pull":                {"content/read"},
		"_repositories_pull_metadata_read":  {"content/read", "metadata/read"},
		"_repositories_push":                {"content/read", "content/write"},
		"_repositories_push_metadata_write": {"metadata/read", "metadata/write", "content/read", "content/write"},
	}
	for name, actions := range want {
		for i, a := range actions {
			want[name][i] = "repositories/*/" + a
		}
	}
	got := map[string][]string{}
	for _, m := range scopemap.System() {
		if !m.System || m.Description == "" {
			t.Errorf("%s: System %v, description %q", m.Name, m.System, m.Description)
		}
		got[m.Name] = m.Lines()
		if _, err := scopemap.Parse(m.Lines()); err != nil {
			t.Errorf("%s does not parse: %v", m.Name, err)
		}
		catalog := m.Decide(acrkit.CatalogScope()).Allowed()
		if metadata := slices.Contains(m.Lines(), "repositories/*/metadata/read"); catalog != metadata {
			t.Errorf("%s opens the catalog: %v", m.Name, catalog)
		}
	}
	if diff := difftest.Diff(want, got); diff != "" {
		t.Errorf("system-defined maps (-want +got):\n%s", diff)
	}
	// A caller that changes its copy must not change the next one's.
	scopemap.System()[0].Rules[0] = scopemap.Rule{}
	if diff := difftest.Diff(want["_repositories_admin"], scopemap.System()[0].Lines()); diff != "" {
		t.Errorf("after a change (-want +got):\n%s", diff)
	}
}

var patternPool = []string{"*", "a/*", "a/b/*", "a/b", "a", "ab", "ab/*", "b"}

func FuzzParsePattern(f *testing.F) {
	for _, s := range append(slices.Clone(patternPool), "", "/*", "a*", "*/a", "**", "a/*/b", "A/*") {
		f.Add(s, "a/b")
	}
	f.Fuzz(func(t *testing.T, s, name string) {
		p, err := scopemap.ParsePattern(s)
		if err != nil {
			if p != "" || !errors.Is(err, acrkit.CodeUsage) {
				t.Errorf("ParsePattern(%q) = %q, %v", s, p, err)
			}
			return
		}
		if string(p) != s {
			t.Errorf("ParsePattern(%q) = %q", s, p)
		}
		prefix, wild := strings.CutSuffix(s, "*")
		if p.IsWildcard() != wild || strings.Contains(prefix, "*") {
			t.Errorf("%q: wildcard %v", p, p.IsWildcard())
		}
		switch {
		case !wild && p.Match(name) != (s == name):
			t.Errorf("%q covers %q: %v", p, name, p.Match(name))
		case wild && p.Match(name) && (!strings.HasPrefix(name, prefix) || name == prefix):
			t.Errorf("%q covers %q", p, name)
		case wild && acrkit.CheckRepositoryName(name) == nil && !p.Match(prefix+name):
			t.Errorf("%q does not cover %q", p, prefix+name)
		case !wild && (p.Match(s+"/a") || p.Match(s+"a")):
			t.Errorf("%q covers more than itself", p)
		}
	})
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"repositories/samples/app/content/read", "repositories/*/metadata/write",
		"gateway/g/config/read", "repositories/a/*/content/delete",
		"repositories//content/read", "repositories/content/read", "gateway/*/message/write"} {
		f.Add(s, "samples/app")
	}
	f.Fuzz(func(t *testing.T, line, name string) {
		r, err := scopemap.ParseRule(line)
		if err != nil {
			if r != (scopemap.Rule{}) || !errors.Is(err, acrkit.CodeUsage) {
				t.Errorf("ParseRule(%q) = %+v, %v", line, r, err)
			}
			return
		}
		if r.String() != line {
			t.Errorf("ParseRule(%q) writes %q", line, r)
		}
		m := scopemap.Map{Rules: []scopemap.Rule{r}}
		effective := m.Effective(name)
		switch {
		case r.IsGateway() && (len(effective) > 0 || r.Pattern != "" || r.Action != 0):
			t.Errorf("the gateway line %q grants %v on %q", line, effective, name)
		case r.IsGateway():
		case len(effective) > 1 || len(effective) == 1 && effective[0] != r.Action:
			t.Errorf("%q grants %v on %q", line, effective, name)
		case (len(effective) == 1) != (r.Pattern.Match(name) && acrkit.CheckRepositoryName(name) == nil):
			t.Errorf("%q on %q: %v, but its pattern says %v", line, name, effective, r.Pattern.Match(name))
		}
		if opens := m.Decide(acrkit.CatalogScope()).Allowed(); opens != (line == "repositories/*/metadata/read") {
			t.Errorf("%q opens the catalog: %v", line, opens)
		}
	})
}
