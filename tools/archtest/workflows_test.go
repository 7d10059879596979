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
		Environment string
		Steps       []struct{ Run string }
	}
	read := func(name string) (job, map[string]job) {
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
		return check, workflow.Jobs
	}
	runs := func(j job, script string) bool {
		return slices.ContainsFunc(j.Steps, func(s struct{ Run string }) bool {
			return strings.HasSuffix(s.Run, script)
		})
	}
	if check, _ := read("ci.yml"); !runs(check, " .ci/run") {
		t.Error("ci.yml does not run .ci/run")
	}
	nightly, _ := read("nightly.yml")
	if !runs(nightly, " .ci/nightly ${{ matrix.stage }}") {
		t.Error("nightly.yml does not run .ci/nightly")
	}
	if want := stagesOf(t, "nightly"); !slices.Equal(nightly.Strategy.Matrix.Stage, want) {
		t.Errorf("nightly.yml runs %v, .ci/nightly has %v", nightly.Strategy.Matrix.Stage, want)
	}
	check, jobs := read("release.yml")
	if !runs(check, " .ci/nightly release") {
		t.Error("release.yml does not run .ci/nightly release")
	}
	for name, j := range jobs { // what publishes waits for a person
		if name != "check" && (j.Environment != "release" || j.Minutes == 0) {
			t.Errorf("release.yml: the job %s has the environment %q and a limit of %d minutes", name, j.Environment,
				j.Minutes)
		}
	}
}

// pinned matches an action by the hash of its commit, with its version for people.
var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)

// TestActionsArePinned: workflows name actions by commit, because a tag can be moved.
// Some of them publish.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*"))
	if err != nil {
		t.Fatal(err)
	}
	uses := regexp.MustCompile(`(?m)\buses['"]?\s*:\s*(.*)$`)
	count := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range uses.FindAllStringSubmatch(string(data), -1) {
			count++
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s uses %q, want OWNER/NAME@HASH # vX.Y.Z", filepath.Base(file), m[1])
			}
		}
	}
	if count < 10 {
		t.Errorf("%d actions in %v", count, files)
	}
}

// TestRelease: .ci/run checks a release's part for one platform, with the few programs that
// this needs, because they take minutes to compile on a new machine. .ci/nightly checks all
// of it. What is published is built by the script that is checked.
func TestRelease(t *testing.T) {
	if stages := stagesOf(t, "run"); !slices.Contains(stages, "release") {
		t.Errorf(".ci/run checks no release: %v", stages)
	}
	got := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^  "(\S+) (\S+) \S+ v\S+"$`).FindAllStringSubmatch(readScript(t,
		".ci/programs"), -1) {
		for group := range strings.SplitSeq(m[1], ",") {
			got[group] = append(got[group], m[2])
		}
	}
	if want := []string{"goreleaser", "cyclonedx-gomod"}; !slices.Equal(got["release"], want) {
		t.Errorf(".ci/programs installs %v for a release, not %v", got["release"], want)
	}
	if len(got) != 3 || !slices.Equal(got["signing"], []string{"crane", "cosign"}) ||
		!slices.Contains(got["tools"], "golangci-lint") {
		t.Errorf(".ci/programs has programs for %v", got)
	}
	for _, need := range []struct{ script, line string }{
		{".ci/run", "install_programs release && tools/release/check linux/amd64\n"},
		{".ci/nightly", "install_programs release signing && tools/release/check; }\n"},
		{"tools/release/build", "goreleaser release --clean --parallelism 1 "},
		{"tools/release/check", "  tools/release/build --skip=\"$skip\""},
		{".github/workflows/release.yml", " tools/release/build\n"},
		{".github/workflows/release.yml", " tools/release/push dist/images ghcr.io/acrkit "},
	} {
		if !strings.Contains(readScript(t, need.script), need.line) {
			t.Errorf("%s does not have %q", need.script, need.line)
		}
	}
}

// stagesOf returns the stages that a script of .ci runs when none is named.
func stagesOf(t *testing.T, script string) []string {
	t.Helper()
	stages := regexp.MustCompile(`(?m)^readonly all_stages=\((.*)\)$`).FindStringSubmatch(readScript(t, ".ci/"+script))
	if stages == nil {
		t.Fatalf(".ci/%s has no line all_stages=(...)", script)
	}
	return strings.Fields(stages[1])
}

// readScript returns a file of the repository.
func readScript(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
