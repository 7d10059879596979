package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/scopemap"
)

// commandLimit bounds one command of a client. The machine may be busy with other tests.
const commandLimit = 3 * time.Minute

// job is what a client does once.
type job struct {
	name, does string
	client     *client
	// repositories are the names of the repositories that the job uses, by their roles.
	repositories map[string]string
	// setup fills the registry, with all rights; nil: it is empty.
	setup func(r *run) error
	// do is the client's part. Its error, or that of check, is a job that failed.
	do func(r *run) error
	// check looks whether what was to be done was done; nil: do has seen it.
	check func(r *run) error
	// optional are the rights without which the client does the job by other means.
	optional []optional
	quick    bool // part of the usual run
}

// optional is a right without which a job is done by other means.
type optional struct {
	role    string
	action  acrkit.Action
	without string         // what the client does without it
	log     *regexp.Regexp // finds the line of the client's log that shows it
}

// one is the roles of a job that uses one repository.
func one(name string) map[string]string { return map[string]string{"repository": name} }

// right is an action on the repository of a role.
type right struct {
	role   string
	action acrkit.Action
}

func (x right) String() string { return x.action.String() + " on the " + x.role }

// run is one run of a job, against a registry of its own.
type run struct {
	t     *testing.T
	job   *job
	reg   *acrtest.Registry
	token acrtest.Token
	image acrtest.Image   // for setup and check
	seer  auth.Credential // sees what is in the registry; nil until it is needed
	home  string
	env   []string
	log   strings.Builder // what the client wrote
}

// allRights are the lines of a scope map with every right on every repository.
var allRights = scopemap.Map{Rules: func() (rules []scopemap.Rule) {
	for _, a := range acrkit.Actions() {
		rules = append(rules, scopemap.Rule{Pattern: scopemap.Root, Action: a})
	}
	return rules
}()}

// azureName is the registry's name in Azure.
const azureName = "myregistry.azurecr.io"

// named returns a command for which the registry's name in Azure leads to it, and that name
// with the port: some clients tell ACR by it. It needs root.
func (r *run) named(command ...string) (host string, all []string) {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.reg.Host())
	if err != nil {
		r.t.Fatal(err)
	}
	hosts := r.write("hosts", "127.0.0.1 localhost "+azureName+"\n")
	return azureName + ":" + port, append([]string{"unshare", "--mount", "sh", "-c",
		`mount --bind "$0" /etc/hosts && exec "$@"`, hosts}, command...)
}

// start runs a job with a token that has the rights of a map, and returns the run and how the
// job failed; nil: it did what it was to do.
func (j *job) start(t *testing.T, m scopemap.Map) (*run, error) {
	t.Helper()
	r := &run{t: t, job: j, reg: acrtest.NewRegistry(t, &acrtest.Options{Hostnames: []string{azureName}})}
	r.newHome()
	if j.setup != nil {
		r.login(r.reg.TokenOf("setup", "_repositories_admin"))
		if err := j.setup(r); err != nil {
			t.Fatalf("the setup: %v\n%s", err, r.log.String())
		}
		r.log.Reset()
	}
	r.login(r.reg.Token("the-job", m.Lines()...))
	err := j.do(r)
	if err == nil && j.check != nil {
		err = j.check(r)
	}
	return r, err
}

// newHome gives the client a home of its own, so that nothing of another run or of the user
// is seen.
func (r *run) newHome() {
	r.t.Helper()
	home, err := os.MkdirTemp("", "aj-") // podman wants a short one
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			r.t.Error(err)
		}
	})
	r.home = home
	ca, err := os.ReadFile(r.reg.CAFile())
	if err == nil {
		err = os.Mkdir(r.certDir(), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(r.certDir(), "ca.crt"), ca, 0o644)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// certDir is the folder with the registry's CA, for programs that want a folder.
func (r *run) certDir() string { return filepath.Join(r.home, "certs.d") }

// login has the client find a token where clients look for one.
func (r *run) login(token acrtest.Token) {
	r.t.Helper()
	r.token = token
	config := fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, r.reg.Host(), base64Of(token.Name+":"+token.Password1))
	for _, file := range []string{"config.json", "auth.json"} {
		if err := os.WriteFile(filepath.Join(r.home, file), config, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.home, "XDG_RUNTIME_DIR=" + r.home, "XDG_CONFIG_HOME=" + r.home,
		"XDG_CACHE_HOME=" + r.home, "TMPDIR=" + r.home, "LANG=C", "NO_COLOR=1",
		"DOCKER_CONFIG=" + r.home, "REGISTRY_AUTH_FILE=" + filepath.Join(r.home, "auth.json"),
		"HELM_REGISTRY_CONFIG=" + filepath.Join(r.home, "config.json"),
		"SSL_CERT_FILE=" + r.reg.CAFile(), "REQUESTS_CA_BUNDLE=" + r.reg.CAFile(),
		"NODE_EXTRA_CA_CERTS=" + r.reg.CAFile(),
		"ACR_NAME=" + r.reg.Host(), "ACR_TOKEN_NAME=" + token.Name, "ACR_TOKEN_PASSWORD=" + token.Password1,
		"ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" + filepath.Join(r.home, "acrkit"),
	}
}

// ref is the address of the repository of a role, without its tag.
func (r *run) ref(role string) string { return r.reg.Host() + "/" + r.name(role) }

// name is the name of the repository of a role.
func (r *run) name(role string) string {
	name, ok := r.job.repositories[role]
	if !ok {
		r.t.Fatalf("the job %s has no role %q", r.job.name, role)
	}
	return name
}

// out runs a command of the client and returns what it wrote to stdout. Both streams are its
// log.
func (r *run) out(command ...string) (string, error) { return r.outWith("", command...) }

func (r *run) outWith(stdin string, command ...string) (string, error) {
	r.t.Helper()
	// Not the test's own context: it may end in a Cleanup function.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin = r.env, r.home, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	secret := strings.NewReplacer(r.token.Password1, "PASSWORD")
	r.log.WriteString(secret.Replace(stderr.String() + stdout.String()))
	if err != nil {
		return "", fmt.Errorf("%s: %w", secret.Replace(strings.Join(command, " ")), err)
	}
	return stdout.String(), nil
}

// all runs commands of the client, one after the other, until one fails.
func (r *run) all(commands ...[]string) error {
	r.t.Helper()
	for _, c := range commands {
		if _, err := r.out(c...); err != nil {
			return err
		}
	}
	return nil
}

// decisions are those about requests of the job: not those about what a token was asked for,
// which may be more than its requests need.
func (r *run) decisions() []emulator.Decision {
	return slices.DeleteFunc(r.reg.Decisions(), func(d emulator.Decision) bool {
		return d.Principal != r.token.Name || strings.HasPrefix(d.Path, "/oauth2/")
	})
}

// rights are the rights that scopes of decisions contain.
func (r *run) rights(scope func(d emulator.Decision) string) []right {
	r.t.Helper()
	roles := map[string]string{}
	for role, name := range r.job.repositories {
		roles[name] = role
	}
	var all []right
	for _, d := range r.decisions() {
		s, err := acrkit.ParseScope(scope(d))
		if err != nil {
			r.t.Fatal(err)
		}
		for access := range s.All() {
			if access.Type == "registry" && access.Name == "catalog" {
				all = append(all, right{scopemap.RoleCatalog, acrkit.MetadataRead})
				continue
			}
			role, ok := roles[access.Name]
			if !ok || access.Type != "repository" {
				r.t.Fatalf("%s %s: the job declares no repository %s %s", d.Method, d.Path, access.Type, access.Name)
			}
			for _, word := range access.Actions {
				a, err := acrkit.ParseAction(word)
				if err != nil {
					r.t.Fatal(err)
				}
				all = append(all, right{role, a})
			}
		}
	}
	slices.SortFunc(all, func(x, y right) int {
		if c := strings.Compare(x.role, y.role); c != 0 {
			return c
		}
		return int(x.action) - int(y.action)
	})
	return slices.Compact(all)
}

// used are the rights that the job's requests required, and had. That of the catalog contains
// metadata/read on every repository.
func (r *run) used() []right {
	all := r.rights(func(d emulator.Decision) string {
		if d.Outcome != emulator.OutcomeAllowed {
			return ""
		}
		return d.Required
	})
	catalog := right{scopemap.RoleCatalog, acrkit.MetadataRead}
	if slices.Contains(all, catalog) {
		all = slices.DeleteFunc(all, func(x right) bool { return x.action == catalog.action && x != catalog })
	}
	return all
}

// missed are the rights for want of which requests of the job were refused.
func (r *run) missed() []right {
	return r.rights(func(d emulator.Decision) string {
		if d.Outcome != emulator.OutcomeDenied {
			return ""
		}
		return d.Missing
	})
}

// suggested are the lines that acrkit scope-map suggest makes of the decision log, in order.
func (r *run) suggested() []string {
	r.t.Helper()
	acrkitCommand.ready(r.t)
	var log bytes.Buffer
	lines := json.NewEncoder(&log)
	for _, d := range r.reg.Decisions() { // as acrkit emulator log --json prints them
		err := lines.Encode(map[string]any{"time": d.Time, "registry": d.Registry, "principal": d.Principal,
			"path": d.Path, "required": d.Required, "outcome": d.Outcome})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	out, err := r.outWith(log.String(),
		r.acrkit("scope-map", "suggest", "-", "--identity", r.token.Name, "--format", "lines")...)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.log.String())
	}
	return slices.Sorted(strings.FieldsSeq(out))
}

// without is the scope map of rights but some.
func (j *job) without(rights []right, some ...right) scopemap.Map {
	var m scopemap.Map
	for _, x := range rights {
		pattern := scopemap.Pattern(j.repositories[x.role])
		if x.role == scopemap.RoleCatalog {
			pattern = scopemap.Root
		}
		if !slices.Contains(some, x) {
			m.Rules = append(m.Rules, scopemap.Rule{Pattern: pattern, Action: x.action})
		}
	}
	if len(m.Rules) == 0 { // the service has no empty map
		m.Rules = []scopemap.Rule{{Pattern: "another/repository", Action: acrkit.ContentRead}}
	}
	return scopemap.Minimal(m)
}

// measure finds the least rights of the job, and returns them as the table has them.
func (j *job) measure(t *testing.T) scopemap.Job {
	t.Helper()
	version := j.client.ready(t)
	began := time.Now()
	r, err := j.start(t, allRights)
	if err != nil {
		t.Fatalf("with all rights: %v\n%s", err, r.log.String())
	}
	used := r.used()
	if len(used) == 0 {
		t.Fatalf("it used no right:\n%s", r.log.String())
	}
	if got, want := r.suggested(), slices.Sorted(slices.Values(j.without(used).Lines())); !slices.Equal(got, want) {
		t.Errorf("acrkit scope-map suggest makes %q of its log, want %q", got, want)
	}
	if again, err := j.start(t, j.without(used)); err != nil {
		t.Fatalf("with the rights that it used, %v: %v\n%s", used, err, again.log.String())
	}
	for _, o := range j.optional {
		if line := r.line(o.log); line != "" {
			t.Errorf("with all rights, its log shows the fall-back too: %s", line)
		}
	}
	logs := map[right]string{}
	var spare []right
	for _, o := range j.optional {
		spare = append(spare, right{o.role, o.action})
	}
	for _, x := range used {
		r, err := j.start(t, j.without(used, x))
		i := slices.Index(spare, x)
		switch {
		case i >= 0 && err != nil:
			t.Errorf("without %s, which is optional, it failed: %v\n%s", x, err, r.log.String())
		case i >= 0:
			if logs[x] = r.line(j.optional[i].log); logs[x] == "" {
				t.Errorf("without %s, its log does not show %s:\n%s", x, j.optional[i].log, r.log.String())
			}
		case err == nil:
			t.Errorf("without %s it does the same; its log:\n%s", x, r.log.String())
		case !slices.Contains(r.missed(), x):
			t.Errorf("without %s it failed for another reason: %v\n%s", x, err, r.log.String())
		}
	}
	for _, x := range spare {
		if !slices.Contains(used, x) {
			t.Errorf("it does not use %s, which is optional", x)
		}
	}
	if len(spare) > 1 {
		if r, err := j.start(t, j.without(used, spare...)); err != nil {
			t.Errorf("without all that is optional: %v\n%s", err, r.log.String())
		}
	}
	t.Logf("%s: %v in %v", j.name, used, time.Since(began).Round(time.Millisecond))
	return j.row(version, used, logs)
}

// row is the job as the table has it.
func (j *job) row(version string, used []right, logs map[right]string) scopemap.Job {
	row := scopemap.Job{Name: j.name, Does: j.does, Client: j.client.name, Version: version}
	for _, x := range used {
		n := len(row.Needs)
		if n == 0 || row.Needs[n-1].Role != x.role {
			row.Needs = append(row.Needs, scopemap.Need{Role: x.role})
			n++
		}
		need := &row.Needs[n-1]
		i := slices.IndexFunc(j.optional, func(o optional) bool { return right{o.role, o.action} == x })
		if i < 0 {
			need.Actions = append(need.Actions, x.action)
			continue
		}
		need.Optional = append(need.Optional,
			scopemap.OptionalRight{Action: x.action, Without: j.optional[i].without, Log: logs[x]})
	}
	return row
}

var (
	digestForm = regexp.MustCompile(`(sha256:)?[0-9a-f]{12,64}`)
	timeForm   = regexp.MustCompile(`time="[^"]*" `)
)

// line is the line of the log that an expression finds, without what differs from run to run.
func (r *run) line(re *regexp.Regexp) string {
	for line := range strings.SplitSeq(r.log.String(), "\n") {
		if re.MatchString(line) {
			line = strings.ReplaceAll(strings.TrimSpace(line), r.reg.Host(), azureName)
			line = strings.ReplaceAll(line, "\t", " ")
			return digestForm.ReplaceAllString(timeForm.ReplaceAllString(line, ""), "${1}…")
		}
	}
	return ""
}

var errNothing = errors.New("what was to be done was not done")
