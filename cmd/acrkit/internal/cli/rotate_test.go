package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// rotator runs the command by the clock of the registry: to wait is to move it.
type rotator struct {
	*operator
	dir string
}

// newRotator makes one with the actions on Azure Resource Manager that a rotation needs,
// but for those that are left out.
func newRotator(t *testing.T, without ...string) *rotator {
	t.Helper()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	actions := slices.DeleteFunc([]string{readRegistry, readToken, makePassword, writeToken, awaitToken},
		func(a string) bool { return slices.Contains(without, a) })
	r := &rotator{newOperator(t, reg, reg.CustomRole(actions...)), t.TempDir()}
	r.env["ACRKIT_CONFIG_DIR"] = filepath.Join(r.dir, "config")
	return r
}

func (r *rotator) file(name string) string { return filepath.Join(r.dir, name) }

func (r *rotator) run(t *testing.T, args ...string) ran {
	t.Helper()
	s, _, out, errOut := iostreams.Test()
	f := &cmdutil.Factory{IO: s, Now: r.reg.Clock().Now, Settle: -1, Global: cmdutil.Global{NoCache: true},
		Sleep: func(ctx context.Context, d time.Duration) error { r.reg.Advance(d); return ctx.Err() },
		LookupEnv: func(name string) (string, bool) {
			v, ok := r.env[name]
			return v, ok
		}}
	code := cli.Run(t.Context(), f, append([]string{"token", "rotate"}, args...))
	// No password is printed: neither those of the files nor the operator's secret.
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{r.who.ClientSecret}
	for _, e := range entries {
		if data, err := os.ReadFile(r.file(e.Name())); err == nil && len(data) > 0 {
			secrets = append(secrets, string(data))
		}
	}
	for _, secret := range secrets {
		if strings.Contains(out.String()+errOut.String(), secret) {
			t.Errorf("%q printed a secret", args)
		}
	}
	return ran{code, out.String(), errOut.String()}
}

// works reports whether the password in a file is accepted.
func (r *rotator) works(t *testing.T, token, name string) bool {
	t.Helper()
	data, err := os.ReadFile(r.file(name))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.reg.Transport(auth.ScopedToken(token, string(data))).Token(t.Context(), acrkit.CatalogScope())
	return err == nil
}

func (r *rotator) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(r.file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const pullLine = "repositories/samples/app/content/read"

// The whole of a rotation, twice, with what the user sees of it.
func TestTokenRotate(t *testing.T) {
	r := newRotator(t)
	token := r.reg.Token("ci-pull", pullLine)
	r.write(t, "one", token.Password1)
	r.write(t, "two", token.Password1)
	to := []string{"ci-pull", "--to", "file:" + r.file("one"), "--to", "file:" + r.file("two") + " cache:10m"}
	run := func(code int, args ...string) ran {
		t.Helper()
		got := r.run(t, append(append([]string{}, to...), args...)...)
		if got.code != code {
			t.Fatalf("%q: exit code %d, want %d\n%s%s", args, got.code, code, got.out, got.err)
		}
		return got
	}

	// Both passwords work, and nothing tells which one the files hold.
	got := run(7)
	hint := "acrkit token rotate ci-pull --to 'file:" + r.file("two") + " cache:10m'"
	if !strings.Contains(got.err, "may hold password1 or password2") || !strings.Contains(got.err, "--slot SLOT") {
		t.Errorf("%s", got.err)
	}
	got = run(0, "--slot", "password2", "--dry-run")
	if !strings.Contains(got.out, "step\tgenerate\npassword\tpassword2\n") || !strings.Contains(got.out,
		"remove\tpassword1") {
		t.Errorf("%s, want a hint like %s", got.out, hint)
	}
	if r.works(t, "ci-pull", "one"); len(got.audit(t)) != 0 {
		t.Errorf("a dry run changed something: %s", got.err)
	}

	// It waits, and the old password is removed 11 minutes after the delivery.
	before := r.reg.Clock().Now()
	got = run(0, "--slot", "password2")
	if took := r.reg.Clock().Now().Sub(before); took < 11*time.Minute || took > 13*time.Minute {
		t.Errorf("it took %s", took)
	}
	for _, want := range []string{"password\tpassword2\n", "sink\tfile:" + r.file("one") +
		": has it, and is verified\n",
		"removed\tpassword1\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing in\n%s", want, got.out)
		}
	}
	if changes := got.audit(t); len(changes) != 2 || changes[0].Action != "generate" || changes[1].Action != "remove" {
		t.Errorf("audit: %+v", changes)
	}
	if !r.works(t, "ci-pull", "one") || !r.works(t, "ci-pull", "two") {
		t.Error("a file has a password that does not work")
	}

	// With a grace it returns at once, and the end comes when it is over.
	got = run(0, "--grace", "1h", "--json", "step,slot,sinks,retired,retireAfter,acceptedAfter")
	var doc struct {
		Step, Slot, Retired string
		RetireAfter         time.Time
		Sinks               []struct{ Verified bool }
	}
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil || doc.Step != "generate" || doc.Slot != "password1" ||
		doc.Retired != "" || len(doc.Sinks) != 2 || !doc.Sinks[0].Verified ||
		doc.RetireAfter.Sub(r.reg.Clock().Now()).Round(time.Minute) != time.Hour {
		t.Errorf("%v: %s", err, got.out)
	}
	// Before that, nothing is done, and the message says so.
	until := doc.RetireAfter.UTC().Format(time.RFC3339)
	for _, tt := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--finish"}, "Not before " + until +
			": programs may use the old password until then. Nothing was done.\n"},
		{nil, "No password was generated: the last rotation is to be finished first, not before " + until},
	} {
		if got = run(0, append(tt.flags, "--grace", "1h")...); strings.Contains(got.out, "removed") ||
			!strings.Contains(got.out, "old password works until\t"+until) || !strings.Contains(got.err, tt.says) ||
			strings.Contains(got.err, "Then:") || len(got.audit(t)) != 0 {
			t.Errorf("%q: %s%s", tt.flags, got.out, got.err)
		}
	}
	r.reg.Advance(time.Hour + time.Second)
	if got = run(0, "--finish", "--grace", "1h"); !strings.Contains(got.out, "removed\tpassword2\n") {
		t.Errorf("%s", got.out)
	}
	if got = run(0, "--finish", "--grace", "1h"); !strings.Contains(got.err, "There is no rotation of the token") {
		t.Errorf("%s%s", got.out, got.err)
	}
	if !r.works(t, "ci-pull", "one") || !r.works(t, "ci-pull", "two") {
		t.Error("a file has a password that does not work")
	}

	// A file with something else is not overwritten.
	r.write(t, "one", "two words")
	if got = run(2); !strings.Contains(got.err, "it is not overwritten") {
		t.Errorf("%s", got.err)
	}
	// A password that is not accepted is replaced with --yes.
	r.write(t, "one", "of-another-token")
	if got = run(2); !strings.Contains(got.err, "does not accept") || !strings.Contains(got.err, " --yes") {
		t.Errorf("%s", got.err)
	}
	if got = run(0, "--yes"); !r.works(t, "ci-pull", "one") || !r.works(t, "ci-pull", "two") {
		t.Errorf("%s", got.err)
	}
}

func TestTokenRotate_refused(t *testing.T) {
	r := newRotator(t, makePassword)
	token := r.reg.Token("ci-pull", pullLine)
	r.write(t, "one", token.Password1)
	file := "file:" + r.file("one")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"ci-pull --slot password2 --to " + file, 4, "generateCredentials"},
		{"none-such --to " + file, 5, "none-such"},
		{"ci-pull", 2, "--to"},
		{"ci-pull --to -", 2, "standard output"},
		{"ci-pull --to vault:x", 2, "begins with none of"},
		{"ci-pull --expires 90 --to " + file, 2, "no duration"},
		{"ci-pull --grace 30s --to " + file, 2, "the grace is shorter than 1m0s"},
		{"ci-pull --expires 30d --every 30d --to " + file, 2, "before the next rotation"},
		{"ci-pull --slot x --to " + file, 2, "password1 and password2"},
		{"ci-pull --finish --slot password1 --to " + file, 2, "takes no --slot"},
		{"ci-pull --finish --dry-run --to " + file, 2, "exclude each other"},
		{"a/b/c/? --to " + file, 2, "is not a token"},
	} {
		got := r.run(t, strings.Fields(tt.args)...)
		if got.code != tt.code || !strings.Contains(got.err, tt.want) {
			t.Errorf("%s: exit code %d, %s", tt.args, got.code, got.err)
		}
	}
	if !r.works(t, "ci-pull", "one") {
		t.Error("the password works no longer")
	}
}

// All tokens of a policy: a plan, one that fails, and the end of the old passwords.
func TestTokenRotate_all(t *testing.T) {
	r := newRotator(t)
	for _, name := range []string{"team-a", "team-b", "other"} {
		token := r.reg.Token(name, pullLine)
		r.reg.ExpirePassword(name, "password2")
		r.write(t, name, token.Password1)
	}
	r.write(t, "policy.yaml", "defaults: {grace: 1h, age: 30d}\ntokens:\n"+
		"  - {name: team-a, owner: a@example.org, sinks: ['file:"+r.file("team-a")+"']}\n"+
		"  - {name: team-b, sinks: ['file:"+r.file("team-b")+"']}\n  - {name: gone, sinks: [docker]}\n")
	r.reg.Advance(10 * time.Minute)
	all := []string{"--all", "--policy", r.file("policy.yaml")}
	run := func(code int, args ...string) ran {
		t.Helper()
		got := r.run(t, append(append([]string{}, all...), args...)...)
		if got.code != code {
			t.Fatalf("%q: exit code %d, want %d\n%s%s", args, got.code, code, got.out, got.err)
		}
		return got
	}
	if got := run(0, "--dry-run"); !strings.Contains(got.out, "team-a\ta@example.org\twait\t0d old, of 30d\n") ||
		!strings.Contains(got.out, "other\t\tleave\tnot in the policy\n") {
		t.Errorf("%s", got.out)
	}
	r.reg.Advance(31 * 24 * time.Hour)
	r.write(t, "team-b", "two words")
	run(2) // there is no terminal to ask at
	got := run(7, "--yes")
	for _, want := range []string{"team-a\ta@example.org\trotated\tpassword2 expires ",
		"team-b\t\tfail\tcannot deliver to file:",
		"gone\t\tfail\tcannot rotate the password of token \"gone\": there is no such token\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing in\n%s%s", want, got.out, got.err)
		}
	}
	if !strings.Contains(got.err, "2 of 3 tokens failed") || !r.works(t, "team-a", "team-a") {
		t.Errorf("%s", got.err)
	}
	r.reg.Advance(61 * time.Minute)
	if got = run(7, "--yes"); !strings.Contains(got.out, "team-a\ta@example.org\tfinished\tpassword1 was removed\n") {
		t.Errorf("%s%s", got.out, got.err)
	}

	r.write(t, "policy.yaml", "tokens:\n  - {name: team-a, sink: docker}\n")
	for args, want := range map[string]string{
		"--all --policy " + r.file("policy.yaml"): "line 2: a token has no key \"sink\"",
		"--all":                            "belong together",
		"--all --policy " + r.file("none"): "no such file",
		"--all --policy " + r.file("policy.yaml") + " --to docker": "leave the other flags out",
		"--all --policy " + r.file("policy.yaml") + " --max -1":    "negative",
		"--all --policy " + r.file("policy.yaml") + " one two":     "one registry",
		"team-a --to docker --max 3":                               "are for --all",
	} {
		if got := r.run(t, strings.Fields(args)...); got.code != 2 || !strings.Contains(got.err, want) {
			t.Errorf("%s: exit code %d, %s", args, got.code, got.err)
		}
	}
}
