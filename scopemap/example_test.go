package scopemap_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// The actions of a scope map as the Azure CLI prints them:
//
//	az acr scope-map show --registry myregistry --name ci-pull --output json
func ExampleParse() {
	output := []byte(`{
	  "name": "ci-pull",
	  "actions": [
	    "repositories/samples/*/content/read",
	    "repositories/samples/*/metadata/read",
	    "repositories/base/go/content/read"
	  ]
	}`)
	var shown struct {
		Name    string
		Actions []string
	}
	if err := json.Unmarshal(output, &shown); err != nil {
		fmt.Println(err)
		return
	}
	m, err := scopemap.Parse(shown.Actions)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"samples/app", "base/go", "base/rust"} {
		fmt.Printf("%s %v\n", name, m.Effective(name))
	}
	// Output:
	// samples/app [content/read metadata/read]
	// base/go [content/read]
	// base/rust []
}

// Every line that is wrong is reported, with its number and the reason.
func ExampleParse_invalid() {
	_, err := scopemap.Parse([]string{
		"repositories/samples/app/content/read",
		"repositories/samples/*/app/content/read",
		"samples/app:pull",
	})
	fmt.Println(err)
	// Output:
	// action 2: cannot read a scope map pattern: "samples/*/app" has a wildcard that is not at the end
	// action 3: cannot read a scope map action: "samples/app:pull" is not of the form repositories/NAME/content/read
}

// Whether a scope map allows a push, and what is missing.
func ExampleMap_Decide() {
	m, err := scopemap.Parse([]string{"repositories/samples/*/content/read"})
	if err != nil {
		fmt.Println(err)
		return
	}
	push := acrkit.RepositoryScope("samples/app", acrkit.ContentRead, acrkit.ContentWrite)
	d := m.Decide(push)
	fmt.Println("allowed:", d.Allowed())
	fmt.Println("granted:", d.Granted, "by", d.By)
	fmt.Println("missing:", d.Missing)
	// Output:
	// allowed: false
	// granted: repository:samples/app:pull by [repositories/samples/*/content/read]
	// missing: repository:samples/app:push
}

// The five scope maps that every registry has.
func ExampleSystem() {
	for _, m := range scopemap.System() {
		fmt.Printf("%s %v\n", m.Name, m.Effective("samples/app"))
	}
	// Output:
	// _repositories_admin [content/read content/write content/delete metadata/read metadata/write]
	// _repositories_pull [content/read]
	// _repositories_pull_metadata_read [content/read metadata/read]
	// _repositories_push [content/read content/write]
	// _repositories_push_metadata_write [content/read content/write metadata/read metadata/write]
}

// A wildcard covers what is under its prefix, and not the prefix itself.
func ExamplePattern_Match() {
	p, err := scopemap.ParsePattern("samples/*")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Match("samples/app"), p.Match("samples/team/app"), p.Match("samples"))
	// Output: true true false
}

// What a change of a scope map gives and takes, as rights and not as lines.
func ExampleDiff() {
	before := []string{"repositories/samples/app/content/read", "repositories/base/content/read"}
	after := []string{"repositories/samples/*/content/read", "repositories/samples/app/content/read"}
	a, err := scopemap.Parse(before)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := scopemap.Parse(after)
	if err != nil {
		fmt.Println(err)
		return
	}
	d := scopemap.Diff(a, b)
	fmt.Println(d)
	fmt.Println("widens:", d.Widens())
	// Output:
	// + content/read on samples/* except samples/app
	// - content/read on base
	// widens: true
}

// The fewest lines with the same rights.
func ExampleMinimal() {
	m, err := scopemap.Parse([]string{
		"repositories/samples/app/content/read",
		"repositories/samples/*/content/read",
		"repositories/samples/content/read",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range scopemap.Minimal(m).Lines() {
		fmt.Println(line)
	}
	// Output:
	// repositories/samples/*/content/read
	// repositories/samples/content/read
}

// What is wrong with the lines of a scope map, valid or not.
func ExampleLint() {
	for _, f := range scopemap.Lint([]string{
		"repositories/samples/*/content/read",
		"repositories/samples/app/content/read",
		"repositories/samples/app/push",
	}) {
		fmt.Println(f.Line, f.Severity, f.Kind)
		for _, line := range f.Instead {
			fmt.Println("  instead:", line)
		}
	}
	// Output:
	// 2 warning shadowed
	// 3 error invalid-action
	//   instead: repositories/samples/app/content/read
	//   instead: repositories/samples/app/content/write
}

// The smallest map for what requests required.
func ExampleSuggest() {
	required, err := acrkit.ParseScope("repository:samples/app:pull,push repository:base/go:pull")
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, _ := scopemap.RulesFor(required) // in order, as Suggest takes them
	uses := func(yield func(scopemap.Use) bool) {
		for _, r := range rules {
			if !yield(scopemap.Use{Rule: r, Count: 1}) {
				return
			}
		}
	}
	for u := range scopemap.Suggest(uses, false) {
		fmt.Println(u.Rule)
	}
	// Output:
	// repositories/base/go/content/read
	// repositories/samples/app/content/read
	// repositories/samples/app/content/write
}

// What of a granted map was never used, and what is not known.
func ExampleReview() {
	granted, err := scopemap.Parse([]string{"repositories/samples/*/content/read",
		"repositories/samples/*/content/delete", "repositories/samples/*/metadata/read"})
	if err != nil {
		fmt.Println(err)
		return
	}
	uses := []scopemap.Use{{Rule: granted.Rules[0], Count: 12}}
	uses[0].Rule.Pattern = "samples/app"
	// A log that has a line for each pull, push and delete, and none for reads of metadata.
	shown := func(r scopemap.Rule) bool { return r.Action != acrkit.MetadataRead }
	rows, left := scopemap.Review(granted, slices.Values(uses), shown, false)
	for _, r := range rows {
		fmt.Println(r.State, r.Rule)
	}
	fmt.Println(scopemap.Diff(granted, left))
	// Output:
	// used repositories/samples/*/content/read
	// unused repositories/samples/*/content/delete
	// unknown repositories/samples/*/metadata/read
	// - content/read on samples/* except samples/app
	// - content/delete on samples/*
}

// The smallest scope map for copying from one repository to another.
func ExampleGenerate() {
	var jobs []scopemap.Job
	for _, j := range scopemap.Jobs() {
		if j.Name == "crane-copy" {
			jobs = append(jobs, j)
		}
	}
	grants, err := scopemap.Generate(jobs, []scopemap.Target{
		{Role: "source", Pattern: "team/app"},
		{Role: "target", Pattern: "mirror/*"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range scopemap.MapOf(grants, false).Lines() {
		fmt.Println(line)
	}
	// Output:
	// repositories/mirror/*/content/read
	// repositories/mirror/*/content/write
	// repositories/team/app/content/read
}
