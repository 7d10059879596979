package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestWorkflows: the hosted workflows run the scripts under .ci, and the nightly one
// runs every stage of its script.
func TestWorkflows(t *testing.T) {
	type job struct {
		Minutes  int `yaml:"timeout-minutes"`
		Strategy struct {
			Matrix struct{ Stage []string }
		}
		Steps []struct{ Run string }
	}
	read := func(name string) job {
		data, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", name))
		if err != nil {
			t.Fatal(err)
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]job
		}
		if err := yaml.Unmarshal(data, &workflow); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		check := workflow.Jobs["check"]
		if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" || check.Minutes == 0 {
			t.Errorf("%s has the permissions %v and a limit of %d minutes", name, workflow.Permissions, check.Minutes)
		}
		return check
	}
	runs := func(j job, script string) bool {
		return slices.ContainsFunc(j.Steps, func(s struct{ Run string }) bool { return strings.HasSuffix(s.Run, script) })
	}
	if !runs(read("ci.yml"), " .ci/run") {
		t.Error("ci.yml does not run .ci/run")
	}
	nightly := read("nightly.yml")
	if !runs(nightly, " .ci/nightly ${{ matrix.stage }}") {
		t.Error("nightly.yml does not run .ci/nightly")
	}
	script, err := os.ReadFile(filepath.Join("..", "..", ".ci", "nightly"))
	if err != nil {
		t.Fatal(err)
	}
	stages := regexp.MustCompile(`(?m)^readonly all_stages=\((.*)\)$`).FindSubmatch(script)
	if stages == nil {
		t.Fatal(".ci/nightly has no line all_stages=(...)")
	}
	if want := strings.Fields(string(stages[1])); !slices.Equal(nightly.Strategy.Matrix.Stage, want) {
		t.Errorf("nightly.yml runs %v, .ci/nightly has %v", nightly.Strategy.Matrix.Stage, want)
	}
}
