package scopemap_test

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// The jobs of the tests: one repository, two, two with a right that is optional, none but the
// catalog, and the catalog and one.
var (
	pull = scopemap.Job{Name: "pull", Needs: []scopemap.Need{
		{Role: "repository", Actions: []acrkit.Action{acrkit.ContentRead}}}}
	sync = scopemap.Job{Name: "sync", Needs: []scopemap.Need{
		{Role: "source", Actions: []acrkit.Action{acrkit.ContentRead, acrkit.MetadataRead}},
		{Role: "target", Actions: []acrkit.Action{acrkit.ContentRead, acrkit.ContentWrite}}}}
	mount = scopemap.Job{Name: "mount", Needs: []scopemap.Need{
		{Role: "source", Optional: []scopemap.OptionalRight{
			{Action: acrkit.ContentRead, Without: "it uploads", Log: "uploading"}}},
		{Role: "target", Actions: []acrkit.Action{acrkit.ContentRead, acrkit.ContentWrite}}}}
	list = scopemap.Job{Name: "list", Needs: []scopemap.Need{
		{Role: scopemap.RoleCatalog, Actions: []acrkit.Action{acrkit.MetadataRead}}}}
	purge = scopemap.Job{Name: "purge", Needs: []scopemap.Need{
		{Role: scopemap.RoleCatalog, Actions: []acrkit.Action{acrkit.MetadataRead}},
		{Role: "repository", Actions: []acrkit.Action{acrkit.ContentDelete, acrkit.MetadataRead}}}}
)

func TestGenerate(t *testing.T) {
	for _, tc := range []struct {
		name     string
		jobs     []scopemap.Job
		targets  string
		optional bool
		want     string // the lines without "repositories/", or the error
	}{
		{"one", []scopemap.Job{pull}, "team/app", false, "team/app/content/read"},
		{"several repositories", []scopemap.Job{pull}, "b a", false, "a/content/read b/content/read"},
		{"its role by name", []scopemap.Job{pull}, "repository=a", false, "a/content/read"},
		{"two roles", []scopemap.Job{sync}, "target=b source=a", false,
			"a/content/read a/metadata/read b/content/read b/content/write"},
		{"a wildcard", []scopemap.Job{sync}, "source=a/b target=a/*", false,
			"a/*/content/read a/*/content/write a/b/metadata/read"},
		{"the same repository", []scopemap.Job{sync}, "source=a target=a", false,
			"a/content/read a/content/write a/metadata/read"},
		{"two jobs", []scopemap.Job{sync, pull}, "source=a target=b c", false,
			"a/content/read a/metadata/read b/content/read b/content/write c/content/read"},
		{"without what is optional", []scopemap.Job{mount}, "source=a target=b", false,
			"b/content/read b/content/write"},
		{"with what is optional", []scopemap.Job{mount}, "source=a target=b", true,
			"a/content/read b/content/read b/content/write"},
		{"optional for one, needed by the other", []scopemap.Job{mount, sync}, "source=a target=b", false,
			"a/content/read a/metadata/read b/content/read b/content/write"},
		{"every repository", []scopemap.Job{pull}, "* a", false, "*/content/read"},

		{"the catalog", []scopemap.Job{list}, "", false, "*/metadata/read"},
		{"the catalog and a repository", []scopemap.Job{purge}, "a b", false,
			"*/metadata/read a/content/delete b/content/delete"},
		{"the catalog for one of two jobs", []scopemap.Job{list, pull}, "a", false, "*/metadata/read a/content/read"},

		{"the catalog takes no repository", []scopemap.Job{list}, "a", false,
			"no job takes a without a role: the job list needs no repository"},
		{"the catalog is no role to name", []scopemap.Job{purge}, "catalog=a b", false,
			`no job has the role "catalog": the job purge needs a repository`},
		{"the catalog is not all", []scopemap.Job{purge}, "", false, "the job purge needs a repository"},
		{"a role is missing", []scopemap.Job{sync}, "source=a", false,
			"the job sync needs source=REPOSITORY and target=REPOSITORY"},
		{"no role is named", []scopemap.Job{sync}, "a", false, "the job sync needs source=REPOSITORY"},
		{"no job takes it", []scopemap.Job{sync}, "source=a target=b c", false, "no job takes c without a role"},
		{"another role", []scopemap.Job{pull}, "a cache=b", false, `no job has the role "cache"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var targets []scopemap.Target
			for s := range strings.FieldsSeq(tc.targets) {
				target, err := scopemap.ParseTarget(s)
				if err != nil {
					t.Fatal(err)
				}
				targets = append(targets, target)
			}
			grants, err := scopemap.Generate(tc.jobs, targets)
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) || acrkit.CodeOf(err) != acrkit.CodeUsage {
					t.Errorf("%v, want %q", err, tc.want)
				}
				return
			}
			lines := strings.Join(scopemap.MapOf(grants, tc.optional).Lines(), " ")
			if lines = strings.ReplaceAll(lines, "repositories/", ""); lines != tc.want {
				t.Errorf("%s, want %s", lines, tc.want)
			}
		})
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]scopemap.Target{
		"a":             {Pattern: "a"},
		"source=a/*":    {Role: "source", Pattern: "a/*"},
		"*":             {Pattern: scopemap.Root},
		"source=":       {},
		"":              {},
		"a*":            {},
		"source=a=b":    {},
		"UPPER":         {},
		"repository= a": {},
	} {
		got, err := scopemap.ParseTarget(text)
		if (err == nil) != (want.Pattern != "") || err == nil && got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// TestJobs_copy: a caller that changes what it gets changes nothing for others.
func TestJobs_copy(t *testing.T) {
	first := scopemap.Jobs()
	if len(first) == 0 {
		t.Fatal("there is no job")
	}
	want := first[0].Needs[0].Role
	first[0].Needs[0].Role = "changed"
	if got := scopemap.Jobs()[0].Needs[0].Role; got != want {
		t.Errorf("the role is %q, want %q", got, want)
	}
}
