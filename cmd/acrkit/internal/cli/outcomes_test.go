package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/internal/simtime"
)

// TestCreateCutOff cuts "token create" off at each of its writes, before the write and after
// it. What was made is named, with a command that removes it; after that command, nothing is
// left, and the same creation succeeds.
func TestCreateCutOff(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		refuse string // the last part of the path of the write that fails
		made   string // what the error names
		fix    string
	}{
		{"scope map", "/scopeMaps/ci-job", "", ""},
		{"token", "/tokens/ci-job", `the scope map "ci-job" was made`, "acrkit scope-map delete {host}/ci-job"},
		{"password", "/generateCredentials", "the token was made, and nothing has a password of it",
			"acrkit token delete {host}/ci-job --with-scope-map"},
		{"sink", "", "the token was made, and nothing has a password of it",
			"acrkit token delete {host}/ci-job --with-scope-map"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := acrtest.NewRegistry(t, nil)
			reg.Push("samples/app", "v1")
			o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
			file := filepath.Join(t.TempDir(), "password")
			to, actions := "file:"+file, []string{readRegistry, readMap, readToken, awaitMap, awaitToken}
			switch tc.refuse {
			case "":
				actions = append(actions, writeMap, writeToken, makePassword)
				to = "exec:false"
			case "/generateCredentials":
				actions = append(actions, writeMap, writeToken)
			case "/tokens/ci-job":
				actions = append(actions, writeMap)
			}
			create := []string{"token", "create", "ci-job", "--allow", "samples/app:content/read,metadata/read",
				"--expires",
				"30d", "--to"}
			r := newOperator(t, reg, reg.CustomRole(actions...)).run(t, append(create, to)...)
			fix := strings.ReplaceAll(tc.fix, "{host}", reg.Host())
			if r.code == 0 || !strings.Contains(r.err, tc.made) || !strings.Contains(r.err, "\ntry: "+fix) {
				t.Errorf("exit code %d\n%s", r.code, r.err)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("the file was written")
			}
			if last := r.audit(t); tc.refuse != "" && last[len(last)-1].Result != "denied" {
				t.Errorf("the audit line of the refusal: %s", last[len(last)-1].Line())
			}
			if fix != "" {
				command, _, _ := strings.Cut(fix, "    #")
				o.must(t, append(strings.Fields(strings.TrimPrefix(command, "acrkit ")), "--yes")...)
			}
			o.must(t, append(create, "file:"+file)...)
			password, err := os.ReadFile(file)
			if err == nil {
				_, err = reg.Client(auth.ScopedToken("ci-job", string(password))).Tag(t.Context(), "samples/app", "v1")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCreateRefuses: nothing is made over what is there, and nothing is made without a place
// for the password.
func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Token("there-1", pullApp)
	reg.ScopeMap("map-only", pullApp)
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	if err := os.WriteFile(full, []byte("a-password"), 0o600); err != nil {
		t.Fatal(err)
	}
	const rest = " --allow samples/app:content/read --expires 90d --to "
	before := o.must(t, "token", "list").out + o.must(t, "scope-map", "list").out
	for line, words := range map[string]string{
		"there-1" + rest + "-": "there is a token of this name already; " +
			"nothing was",
		"map-only" + rest + "-": "there is a scope map of this name " +
			"already; nothing",
		"new-token" + rest + "file:" + full: "holds a password already; nothing was " +
			"changed",
		"new-token" + rest + "file:" + filepath.Join(dir, "none", "p"):  "its folder does not exist",
		"new-token" + rest + "kubernetes":                               "it begins with none of",
		"new-token --allow samples/app:content/read --to -":             "say when the password expires",
		"new-token --allow samples/app:content/read --expires 90d":      "say where the password goes",
		"new-token --expires 90d --to -":                                "give the rights with --allow",
		"new-token --scope-map x1234" + rest + "-":                      "or an existing scope map",
		"new_token" + rest + "-":                                        "cannot be a token's name",
		"tiny" + rest + "-":                                             "cannot be a token's name",
		"new-token --allow *:content/read --never-expires --to -":       "there is no terminal to ask at",
		"new-token --allow samples/app:content/read --expires -1h --to": "is not in the future",
	} {
		args := append([]string{"token", "create"}, strings.Fields(line)...)
		if strings.HasSuffix(line, "--to") {
			args = append(args, "-")
		}
		if r := o.run(t, args...); r.code == 0 || !strings.Contains(r.err, words) || r.out != "" {
			t.Errorf("%s: exit code %d\n%s", line, r.code, r.err)
		}
	}
	if after := o.must(t, "token", "list").out + o.must(t, "scope-map", "list").out; after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
}

// TestTwiceAtOnce runs one command twice at the same time. One of them may be told that the
// other was faster; afterwards all is as after one.
func TestTwiceAtOnce(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, &acrtest.Options{Now: simtime.Ticks()})
	reg.Push("samples/app", "v1")
	who := reg.ServicePrincipal("Contributor")
	const late = time.Second // all changes are made from the same state
	reg.Fault(fault.Fault{Kind: fault.LateWrite, Delay: late, Rate: 1})
	group := simtime.New(reg.Clock(), late, func() int64 { return reg.Emulator().Faults()[0].Hits })
	run := func(n int, line string) []ran {
		t.Helper()
		all := make([]ran, n)
		err := group.Run(n, func(i int) {
			o := newOperator(t, reg, who)
			o.settle, o.sleep = 2*time.Second, group.Sleep
			all[i] = o.run(t, strings.Fields(line)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	twice := func(line string, codes ...int) []ran {
		t.Helper()
		all := run(2, line)
		for _, r := range all {
			if !slices.Contains(codes, r.code) {
				t.Errorf("%s: exit code %d\n%s", line, r.code, r.err)
			}
		}
		if all[0].code != 0 && all[1].code != 0 && slices.Contains(codes, 0) && !strings.Contains(line, "create") {
			t.Errorf("%s: both failed\n%s\n%s", line, all[0].err, all[1].err)
		}
		return all
	}
	for range 2 {
		all := twice("token create ci-both --allow samples/app:content/read,metadata/read --never-expires --to -", 0, 1)
		for _, r := range all {
			if r.code != 0 {
				if strings.Contains(r.err, " delete ") {
					t.Errorf("the other's token would be removed:\n%s", r.err)
				}
				continue
			}
			_, err := reg.Client(auth.ScopedToken("ci-both", strings.TrimSpace(r.out))).Tag(t.Context(), "samples/app",
				"v1")
			if err != nil {
				t.Errorf("what was told to work: %v", err)
			}
		}
		if all[0].code == 0 && all[1].code == 0 {
			t.Error("both have made the token")
		}
		twice("token disable ci-both", 0, 1)
		twice("token enable ci-both --yes", 0, 1)
		twice("scope-map edit ci-both --add samples/app:content/write --yes", 0)
		twice("token revoke ci-both --yes", 0, 1)
		twice("token delete ci-both --with-scope-map --yes", 0, 1, 5)
		if r := run(1, "token view ci-both")[0]; r.code != 5 {
			t.Fatalf("it is there still: %s", r.out)
		}
		if r := run(1, "scope-map delete ci-both --yes")[0]; r.code != 5 && r.code != 0 {
			t.Fatalf("the scope map: %s", r.err)
		}
	}
}

// TestInterrupted: an interrupt says what was made, and how to remove it.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for reg.Requests().Count("POST", "/subscriptions/") == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(cmdutil.ErrInterrupted)
	}()
	r := o.runWithin(ctx, t, "token", "create", "ci-job", "--allow", "samples/app:pull", "--never-expires", "--to",
		"exec:sleep 60")
	if r.code != cmdutil.ExitInterrupted || !strings.Contains(r.err, `Made the token "ci-job".`) ||
		!strings.Contains(r.err, "To remove it: acrkit token delete "+reg.Host()+"/ci-job --with-scope-map") {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}

// TestWiderIsAsked: without a terminal and --yes, nothing gets wider; narrower it gets.
func TestWiderIsAsked(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Token("job-1", pullApp)
	reg.ScopeMap("wider", pullApp, listApp)
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	o.must(t, "token", "disable", "job-1")
	for _, line := range []string{"token edit job-1 --scope-map wider", "token enable job-1",
		"scope-map edit job-1 --add samples/app:metadata/read", "token delete job-1", "scope-map delete wider",
		"token revoke job-1", "scope-map create everything --allow *:content/read",
		"token create every-job --scope-map _repositories_pull --never-expires --to -"} {
		if r := o.run(t, strings.Fields(line)...); r.code != cmdutil.ExitUsage || len(r.audit(t)) != 0 ||
			!strings.Contains(r.err, "there is no terminal to ask at") || !strings.Contains(r.err, " --yes\n") {
			t.Errorf("%s: exit code %d\n%s", line, r.code, r.err)
		}
	}
	o.must(t, "token", "edit", "job-1", "--scope-map", "wider", "--yes")
	o.must(t, "token", "edit", "job-1", "--scope-map", "job-1") // narrower
	r := o.must(t, "scope-map", "edit", "wider", "--remove", listApp, "--remove", pushApp)
	if !strings.Contains(r.err, "- metadata/read on samples/app\n") {
		t.Errorf("%s", r.err)
	}
	// A right that a wider line gives stays, and is named.
	reg.ScopeMap("broad", pullApp, "repositories/samples/*/content/read")
	r = o.must(t, "scope-map", "edit", "broad", "--remove", pullApp)
	if !strings.Contains(r.err, "same rights\n") || !strings.Contains(r.err,
		"Not lost, because another line gives it: "+pullApp) {
		t.Errorf("%s", r.err)
	}
}
