package recipes

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"
)

// stepTime bounds a step of a workflow, and a build of the command on a busy machine.
const stepTime = 5 * time.Minute

// What the tests read of a workflow and of a composite action.
type (
	workflow struct {
		Jobs map[string]struct {
			Env      map[string]string
			Services map[string]service
			Steps    []step
		}
	}
	service struct {
		Image string
		Ports []string
		Env   map[string]string
	}
	step struct {
		ID, Name, Uses, Run, Shell string
		With, Env                  map[string]string
	}
	action struct {
		Inputs  map[string]struct{ Default string }
		Outputs map[string]struct{ Value string }
		Runs    struct{ Steps []step }
	}
)

func readYAML[T any](t *testing.T, path string) T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := yaml.Unmarshal(data, &out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

// checkout makes a repository that has the recipe for GitHub Actions where its comments put
// it, and a seed.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	recipes := filepath.Join(examples, "github-actions")
	workflows := filepath.Join(dir, ".github", "workflows")
	if err := os.MkdirAll(workflows, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(recipes, "*.yml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("workflows: %v, %v", files, err)
	}
	for _, file := range files {
		copyFile(t, file, filepath.Join(workflows, filepath.Base(file)))
	}
	target := filepath.Join(dir, ".github", "actions", "acrkit-emulator")
	if err := os.CopyFS(target, os.DirFS(filepath.Join(recipes, "acrkit-emulator"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "tests"), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join("testdata", "seed.yaml"), filepath.Join(dir, "tests", "seed.yaml"))
	return dir
}

// TestWorkflows checks the workflows by actionlint, which knows GitHub's schema, contexts and
// the action's inputs and outputs.
func TestWorkflows(t *testing.T) {
	dir := checkout(t)
	run(t, dir, nil, "git", "init", "--quiet") // actionlint looks for the action below its root
	var out bytes.Buffer
	linter, err := actionlint.NewLinter(&out, &actionlint.LinterOptions{WorkingDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintDir(filepath.Join(dir, ".github", "workflows"), nil)
	if err != nil || len(found) > 0 {
		t.Errorf("%v\n%s", err, &out)
	}
	if n := strings.Count(string(readFile(t, filepath.Join(dir, ".github", "actions", "acrkit-emulator",
		"action.yml"))), "\n"); n > 40 {
		t.Errorf("the action has %d lines", n)
	}
}

var expression = regexp.MustCompile(`\$\{\{ ([a-z_A-Z.-]+) \}\}`)

// runner runs the steps of a job as GitHub's does, as far as the recipes need it.
type runner struct {
	t        *testing.T
	dir      string            // the checkout
	temp     string            // RUNNER_TEMP
	env      map[string]string // of each step
	contexts map[string]string // "env.CI_PASSWORD"
	out      bytes.Buffer
}

func newRunner(t *testing.T, dir string, env map[string]string) *runner {
	r := &runner{t: t, dir: dir, temp: t.TempDir(), env: map[string]string{}, contexts: map[string]string{
		"github.run_id": "123456789", "github.run_attempt": "1"}}
	for name, value := range env {
		r.env[name] = r.expand(value)
		r.contexts["env."+name] = r.env[name]
	}
	return r
}

func (r *runner) expand(text string) string {
	r.t.Helper()
	return expression.ReplaceAllStringFunc(text, func(x string) string {
		name := expression.FindStringSubmatch(x)[1]
		value, ok := r.contexts[name]
		if !ok {
			r.t.Errorf("%s is not known", name)
		}
		return value
	})
}

// steps runs the steps. Actions of others are the runner's own business; with says what the
// inputs of ours get besides.
func (r *runner) steps(steps []step, with map[string]string, actionDir string) {
	r.t.Helper()
	for _, s := range steps {
		if local, ok := strings.CutPrefix(s.Uses, "./"); ok {
			r.action(filepath.Join(r.dir, local), s, with)
			continue
		}
		if s.Uses != "" {
			continue
		}
		files := map[string]string{}
		for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_PATH"} {
			files[name] = filepath.Join(r.temp, name)
			if err := os.WriteFile(files[name], nil, 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
		script := filepath.Join(r.temp, "step.sh")
		if err := os.WriteFile(script, []byte(r.expand(s.Run)), 0o600); err != nil {
			r.t.Fatal(err)
		}
		args := []string{"-e", script}
		if s.Shell == "bash" {
			args = []string{"--noprofile", "--norc", "-eo", "pipefail", script}
		}
		env := maps.Clone(r.env)
		maps.Copy(env, files)
		maps.Copy(env, map[string]string{"RUNNER_TEMP": r.temp, "GITHUB_WORKSPACE": r.dir,
			"GITHUB_ACTION_PATH": actionDir,
			"RUNNER_ARCH":        map[string]string{"amd64": "X64", "arm64": "ARM64"}[runtime.GOARCH]})
		for name, value := range s.Env {
			env[name] = r.expand(value)
		}
		r.out.WriteString(run(r.t, r.dir, env, "bash", args...))
		for line := range strings.Lines(string(readFile(r.t, files["GITHUB_OUTPUT"]))) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			r.contexts["steps."+s.ID+".outputs."+name] = value
		}
		for line := range strings.Lines(string(readFile(r.t, files["GITHUB_PATH"]))) {
			r.env["PATH"] = strings.TrimSpace(line) + ":" + r.env["PATH"]
		}
	}
}

// action runs a composite action.
func (r *runner) action(dir string, s step, with map[string]string) {
	r.t.Helper()
	a := readYAML[action](r.t, filepath.Join(dir, "action.yml"))
	for name, input := range a.Inputs {
		value := input.Default
		if given, ok := s.With[name]; ok {
			value = r.expand(given)
		}
		if given, ok := with[name]; ok {
			value = given
		}
		r.contexts["inputs."+name] = value
	}
	r.steps(a.Runs.Steps, nil, dir)
	for name, output := range a.Outputs {
		r.contexts["steps."+s.ID+".outputs."+name] = r.expand(output.Value)
	}
}

// TestAction runs the workflow that uses the composite action. Releases come from a folder
// that holds one made here: there is none to download yet.
func TestAction(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the action is for Linux")
	}
	dir := checkout(t)
	job := readYAML[workflow](t, filepath.Join(dir, ".github", "workflows", "action.yml")).Jobs["test"]
	releases, version := release(t)
	for _, seed := range []string{"tests/seed.yaml", ""} {
		r := newRunner(t, dir, job.Env)
		r.env["PATH"] = os.Getenv("PATH")
		endEmulator(t, r.temp)
		steps := slices.Clone(job.Steps)
		if seed == "" { // the example's first token, whose password needs no variable
			last := &steps[len(steps)-1]
			last.Run = strings.Replace(last.Run, " --token ci-test)", ")", 1)
		}
		r.steps(steps, map[string]string{"releases": "file://" + releases, "version": version, "seed": seed}, "")
		if got := r.out.String(); !strings.HasPrefix(got, "latest\nv1\n") || !strings.HasSuffix(got, "\nlatest\nv1\n") {
			t.Errorf("the steps print %q", got)
		}
		if log := string(readFile(t, filepath.Join(r.temp, "acrkit-emulator.log"))); !strings.Contains(log,
			"status=429") || strings.Contains(log, r.env["CI_PASSWORD"]) {
			t.Errorf("the emulator's log: %s", log)
		}
		ca := readFile(t, r.contexts["steps.acr.outputs.ca-file"])
		if !bytes.Contains(ca, []byte("BEGIN CERTIFICATE")) ||
			!strings.HasPrefix(r.contexts["steps.acr.outputs.login-server"], "localhost:") {
			t.Errorf("outputs: %v", r.contexts)
		}
	}
}

// TestAction_refused: an archive that is not the one of the checksums is not unpacked, and
// an emulator that does not start fails the step with its message.
func TestAction_refused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the action is for Linux")
	}
	dir := checkout(t)
	releases, version := release(t)
	script := filepath.Join(dir, ".github", "actions", "acrkit-emulator", "start.sh")
	start := func(seed string) (string, string) {
		temp := t.TempDir()
		endEmulator(t, temp)
		cmd := exec.CommandContext(t.Context(), script)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "RUNNER_TEMP=" + temp, "RUNNER_ARCH=X64",
			"GITHUB_WORKSPACE=" + dir, "GITHUB_PATH=" + filepath.Join(temp, "path"),
			"GITHUB_OUTPUT=" + filepath.Join(temp, "output"), "SEED=" + seed, "VERSION=" + version,
			"RELEASES=file://" + releases}
		if runtime.GOARCH == "arm64" {
			cmd.Env = append(cmd.Env, "RUNNER_ARCH=ARM64")
		}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("it succeeds: %s", out)
		}
		return string(out), temp
	}
	// CI_PASSWORD is not set.
	if out, _ := start("tests/seed.yaml"); !strings.Contains(out, `the environment variable "CI_PASSWORD" is not set`) {
		t.Errorf("%s", out)
	}
	archives, err := filepath.Glob(filepath.Join(releases, "v"+version, "*.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatal(archives, err)
	}
	if err := os.WriteFile(archives[0], []byte("another archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, temp := start(""); !strings.Contains(out, "FAILED") {
		t.Errorf("%s", out)
	} else if _, err := os.Stat(filepath.Join(temp, "acrkit-bin")); err == nil {
		t.Error("it was unpacked")
	}
}
