package recipes

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhysd/actionlint"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

var runSinks = flag.Bool("sinks", false, "run the sinks of docs/rotation.md with the programs that they name")

// tokenName is the token whose password is delivered.
const tokenName = "ci-pull"

// placeOf is a place of docs/rotation.md that a command delivers to.
type placeOf struct {
	row     string   // how its row begins
	version []string // prints the version of its program
	start   func(t *testing.T, w *world) *store
	create  func(sink string) string // what "token create" takes in its place; nil = the same
}

var places = []placeOf{
	{"Kubernetes", []string{"kubectl", "version", "--client"}, startKubernetes, nil},
	{"Key Vault", []string{"az", "version", "--output", "tsv"}, startVault, writeOnly},
	{"GitHub", []string{"gh", "--version"}, startGitHub, nil},
	{"GitLab", []string{"glab", "--version"}, startGitLab,
		func(sink string) string {
			return strings.Replace(writeOnly(sink), "variable update", "variable set", 1)
		}},
}

// writeOnly is a sink that is not read: there is nothing yet, which az and glab call an error.
func writeOnly(sink string) string {
	text, _, _ := strings.Cut(sink, " read:")
	return text
}

// created is the sink for "token create".
func (p placeOf) created(text string) string {
	if p.create == nil {
		return text
	}
	return p.create(text)
}

// store is what holds the password in a test.
type store struct {
	env  []string                    // of the programs
	held func(t *testing.T) string   // the password, as the programs that use it get it
	deny func(t *testing.T, on bool) // takes the identity of the programs its right to write
	says string                      // what the program says then
	// blind says that the password cannot be read back by the sink.
	blind bool
	more  func(t *testing.T) // nil = none
}

// world is a registry, and a folder with the files of the examples.
type world struct {
	reg   *acrtest.Registry
	cloud *cloud
	dir   string
	env   []string // of every program
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{reg: acrtest.NewRegistry(t, nil), dir: t.TempDir()}
	w.reg.Push("samples/app", "v1")
	w.reg.SetLifetimes(seed.Lifetimes{Entra: 24 * time.Hour}) // the clients see no clock but the machine's
	w.cloud = newCloud(t)
	files, err := filepath.Glob(examples + "/sinks/*")
	if err != nil || len(files) < 6 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(filepath.Join(w.dir, filepath.Base(file)), readFile(t, file), info.Mode())
		if err != nil {
			t.Fatal(err)
		}
	}
	bundle := filepath.Join(w.dir, "ca.pem")
	if err := os.WriteFile(bundle, append(readFile(t, w.reg.CAFile()), w.cloud.ca...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "LANG=C.UTF-8", "NO_COLOR=1",
		"SSL_CERT_FILE=" + bundle, "REQUESTS_CA_BUNDLE=" + bundle, "HTTPS_PROXY=" + w.cloud.proxy,
		"NO_PROXY=localhost,127.0.0.1"}
	return w
}

// try runs a program in the folder.
func (w *world) try(t *testing.T, env []string, stdin string, words ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stepTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = w.dir, slices.Concat(w.env, env), strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (w *world) must(t *testing.T, env []string, stdin string, words ...string) string {
	t.Helper()
	out, err := w.try(t, env, stdin, words...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return out
}

// pulls reports whether a login with the password is accepted, and pulls.
func (w *world) pulls(t *testing.T, password string) bool {
	t.Helper()
	client := &http.Client{Transport: w.reg.Transport(auth.ScopedToken(tokenName, password))}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		w.reg.URL()+"/v2/samples/app/manifests/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Now and Sleep are those of the registry's clock: to wait is to move it.
func (w *world) Now() time.Time { return w.reg.Clock().Now() }

func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	w.reg.Advance(d)
	return ctx.Err()
}

// rotation is one of the token's password, with the identity of an owner.
func (w *world) rotation(t *testing.T, to string, env []string) *rotate.Rotation {
	t.Helper()
	reg, err := acrkit.ParseRegistry(w.reg.Host())
	if err != nil {
		t.Fatal(err)
	}
	client, err := manage.New(w.reg.ServicePrincipal("Owner").AzureCredential(),
		&manage.Options{Transport: w.reg.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := client.Registry(t.Context(), reg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.Parse(to, &sink.Options{Environ: func() []string { return slices.Concat(w.env, env) }})
	if err != nil {
		t.Fatal(err)
	}
	return &rotate.Rotation{Registry: reg, Token: tokenName, Passwords: passwords, Sinks: []sink.Sink{s}, Clock: w,
		Login:   rotate.NewLogin(reg, tokenName, &auth.Options{Base: w.reg.RoundTripper()}),
		Journal: rotate.NewFileJournal(filepath.Join(w.dir, "journal"), reg, tokenName),
		Expires: 90 * 24 * time.Hour, Next: 30 * 24 * time.Hour}
}

// rows are the sinks of the page by the beginning of their rows: the text of each, and with
// which versions it is said to have been run.
func rows(t *testing.T) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	line := regexp.MustCompile("(?m)^\\| ([A-Z][A-Za-z ]+?)[,:].* \\| `(exec:[^`]+)` \\| ([^|]+) \\|$")
	for _, m := range line.FindAllStringSubmatch(string(readFile(t, root+"/docs/rotation.md")), -1) {
		out[m[1]] = [2]string{m[2], m[3]}
	}
	return out
}

// TestSinksPage reads what TestSinks runs: each sink, each script, the workflow.
func TestSinksPage(t *testing.T) {
	all := rows(t)
	for _, p := range places {
		text, ok := all[p.row]
		if !ok {
			t.Errorf("the page has no row for %s: %v", p.row, all)
			continue
		}
		if _, err := sink.Parse(text[0], nil); err != nil {
			t.Errorf("%s: %v", p.row, err)
		}
		for _, script := range regexp.MustCompile(`\./\S+`).FindAllString(text[0], -1) {
			run(t, examples+"/sinks", nil, "sh", "-n", script)
		}
	}
	if len(all) != len(places) {
		t.Errorf("the page has %d sinks that are commands, and %d are run", len(all), len(places))
	}
	var out bytes.Buffer
	linter, err := actionlint.NewLinter(&out, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFile(examples+"/sinks/acr-password.yml", nil)
	if err != nil || len(found) > 0 {
		t.Errorf("%v\n%s", err, &out)
	}
}

// TestSinks rotates a password into each place of the page with the program that the page
// names: as it should be, without the right to write, without an answer, and with one that is
// lost when the password was written. The clock is the registry's.
func TestSinks(t *testing.T) {
	if !*runSinks {
		t.Skip("without -sinks; .ci/nightly sinks installs the programs")
	}
	all := rows(t)
	for _, p := range places {
		t.Run(strings.ReplaceAll(p.row, " ", ""), func(t *testing.T) {
			w := newWorld(t)
			t.Chdir(w.dir)
			version := regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(w.must(t, nil, "", p.version...))
			row := all[p.row]
			if version == "" || !strings.Contains(row[1], version) {
				t.Errorf("the page says %s, and this is %q", row[1], version)
			}
			p.run(t, w, row[0])
		})
	}
}

func (p placeOf) run(t *testing.T, w *world, to string) {
	st := p.start(t, w)
	token := w.reg.Token(tokenName, "repositories/samples/app/content/read")
	first := w.rotation(t, p.created(to), st.env)
	held, err := first.Passwords.Token(t.Context(), tokenName)
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range held.Passwords {
		if password.Slot == manage.Slot2 {
			if err := first.Passwords.RemovePassword(t.Context(), tokenName, manage.Slot2,
				password.Created); err != nil {
				t.Fatal(err)
			}
		}
	}
	value := sink.Value{Registry: first.Registry, Token: tokenName, Password: auth.NewSecret(token.Password1)}
	if err := first.Sinks[0].Deliver(t.Context(), value); err != nil {
		t.Fatal(err)
	}
	if got := st.held(t); got != token.Password1 {
		t.Fatalf("it holds %q, not the password", got)
	}
	s := w.rotation(t, to, st.env).Sinks[0]
	if err := s.Verify(t.Context(), value); err != nil {
		t.Error(err)
	}
	value.Password = auth.NewSecret("another-password")
	if err := s.Verify(t.Context(), value); err == nil {
		t.Error("another password is verified")
	}

	t.Run("whole", func(t *testing.T) { w.rotates(t, st, to, st.held(t), "") })
	for _, trouble := range []struct {
		name       string
		begin, end func(t *testing.T)
		says       string
	}{
		{"denied", func(t *testing.T) { st.deny(t, true) }, func(t *testing.T) { st.deny(t, false) }, st.says},
		{"down", func(*testing.T) { w.cloud.set(down) }, func(*testing.T) { w.cloud.set(fine) }, ""},
		{"answer lost", func(*testing.T) { w.cloud.set(lost) }, func(*testing.T) { w.cloud.set(fine) }, ""},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			before, slot := st.held(t), w.live(t)[0].Slot
			trouble.begin(t)
			out, err := w.rotation(t, to, st.env).Run(t.Context())
			trouble.end(t)
			if err == nil || out.Retired != "" || !regexp.MustCompile(trouble.says).MatchString(err.Error()) {
				t.Fatalf("%+v, %v, want %q", out, err, trouble.says)
			}
			t.Logf("%v", err)
			after := st.held(t)
			if !w.pulls(t, before) || !w.pulls(t, after) {
				t.Error("a password that the place held works no longer")
			}
			free := slot.Other()
			if after != before {
				free = slot
			}
			w.rotates(t, st, to, before, free)
		})
	}
	if st.more != nil {
		t.Run("more", st.more)
	}
}

// live returns the token's passwords.
func (w *world) live(t *testing.T) []manage.Password {
	t.Helper()
	token, err := w.rotation(t, "file:x", nil).Passwords.Token(t.Context(), tokenName)
	if err != nil {
		t.Fatal(err)
	}
	return token.Passwords
}

// rotates rotates the old password once, to the end, or completes that. If the program asks for
// the slot, it is told which one is free.
func (w *world) rotates(t *testing.T, st *store, to, old string, free manage.Slot) {
	t.Helper()
	r := w.rotation(t, to, st.env)
	out, err := r.Run(t.Context())
	if err != nil && st.blind && free != "" && strings.Contains(err.Error(), "nothing tells which") {
		t.Logf("it asks for the slot: %v", err)
		r = w.rotation(t, to, st.env)
		r.Slot = free
		out, err = r.Run(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	after := st.held(t)
	if out.Retired == "" || len(w.live(t)) != 1 || !out.Sinks[0].Verified || !w.pulls(t, after) || w.pulls(t, old) {
		t.Errorf("%+v, %d passwords", out, len(w.live(t)))
	}
}
