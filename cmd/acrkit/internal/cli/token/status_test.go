package token_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/root"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
)

// start starts a registry with tokens in each state, and returns what runs a command there.
func start(t *testing.T, roles ...string) (*acrtest.Registry, func(line string) (code int, stdout, stderr string)) {
	t.Helper()
	now := time.Now()
	password := func(slot string, expires time.Time) seed.Password {
		return seed.Password{Name: slot, Value: seed.Secret("correct-horse-" + slot), Expires: expires}
	}
	never, past, soon, later := time.Time{}, now.Add(-time.Hour), now.Add(13*24*time.Hour), now.Add(90*24*time.Hour)
	const one, all = "one-repository", "_repositories_pull"
	reg := acrtest.NewRegistry(t, &acrtest.Options{Seed: &seed.Seed{Registries: []seed.Registry{{Name: "myregistry",
		AdminUserEnabled: true, AnonymousPullEnabled: true,
		ScopeMaps: []seed.ScopeMap{{Name: one, Actions: []string{"repositories/samples/app/content/read"}}},
		Tokens: []seed.Token{
			{Name: "good1", ScopeMap: one, Passwords: []seed.Password{password("password1", later)}},
			{Name: "good2", ScopeMap: one,
				Passwords: []seed.Password{password("password1", past), password("password2", later)}},
			{Name: "both1", ScopeMap: one,
				Passwords: []seed.Password{password("password1", soon), password("password2", later)}},
			{Name: "never", ScopeMap: one, Passwords: []seed.Password{password("password2", never)}},
			{Name: "dead1", ScopeMap: one,
				Passwords: []seed.Password{password("password1", past), password("password2", past)}},
			{Name: "empty", ScopeMap: one},
			{Name: "wide1", ScopeMap: all, Passwords: []seed.Password{password("password1", later)}},
			{Name: "off01", ScopeMap: all, Status: "disabled",
				Passwords: []seed.Password{password("password1", never)}},
		}}}}})
	return reg, as(t, reg, reg.ServicePrincipal(roles...))
}

// as returns what runs a command as a principal.
func as(t *testing.T, reg *acrtest.Registry, p acrtest.ServicePrincipal) func(line string) (int, string, string) {
	return func(line string) (int, string, string) {
		env := map[string]string{"ACR_NAME": reg.Host(), "SSL_CERT_FILE": reg.CAFile(),
			"AZURE_AUTHORITY_HOST": reg.AuthorityHost(), "AZURE_TENANT_ID": p.TenantID, "AZURE_CLIENT_ID": p.ClientID,
			"AZURE_CLIENT_SECRET": p.ClientSecret}
		return clitest.Run(t, root.NewCmdRoot, env, line)
	}
}

// TestStatus_all: each state has its finding, and findings end with exit code 8.
func TestStatus_all(t *testing.T) {
	t.Parallel()
	reg, run := start(t, "Reader")
	code, out, stderr := run("token status --all --json kind,name,slotInUse,newest,findings,passwords")
	if code != 8 || stderr != "" {
		t.Errorf("exit %d: %s", code, stderr)
	}
	var rows []struct {
		Kind, Name, SlotInUse, Newest string
		Findings                      []struct{ Name, Detail, Rule string }
		Passwords                     []any
	}
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		line := strings.Join(strings.Fields(r.Kind+" "+r.Name+" "+r.SlotInUse), " ")
		for _, f := range r.Findings {
			line += " " + f.Name
			if f.Detail == "" || (r.Kind == "registry") != (f.Rule != "") {
				t.Errorf("%+v", f)
			}
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{
		"registry myregistry admin-user anonymous-pull arm-tokens",
		"token both1 unknown expires-soon",
		"token dead1 none expired",
		"token empty none no-password",
		"token good1 password1",
		"token good2 password2",
		"token never password2 no-expiry",
		"token off01 password1",
		"token wide1 password1 all-repositories",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := reg.Requests().Count("GET", "/subscriptions/"); n > 6 {
		t.Errorf("%d requests", n)
	}
	if _, text, _ := run("token status --all"); !strings.Contains(text, "both1\tenabled\tpassword1 until ") ||
		!strings.Contains(text, ", 0 h old; password2 until ") ||
		!strings.Contains(text, "unknown, newest is password") ||
		!strings.Contains(text, "registry myregistry\t-\t-\t-\tadmin-user, anonymous-pull, arm-tokens\n") {
		t.Error(text)
	}
	code, text, stderr := run("token status --all --ignore admin-user,anonymous-pull,arm-tokens,expires-soon,expired," +
		"no-password,no-expiry,all-repositories")
	if code != 0 || strings.Count(text, "\tok\n") != 9 {
		t.Errorf("with all ignored: exit %d\n%s%s", code, text, stderr)
	}
}

// TestStatus_one: one token, and how long before its end a password expires too soon.
func TestStatus_one(t *testing.T) {
	t.Parallel()
	_, run := start(t, "Reader")
	for line, code := range map[string]int{
		"good1": 0, "good1 --within 91d": 8, "both1": 8, "both1 --within 12d": 0, "both1 --within 1h": 0, "off01": 0,
		"wide1": 8, "wide1 --ignore all-repositories": 0, "nothere": 5, "never": 8, "dead1": 8, "empty": 8,
		"": 2, "good1 --within x": 2, "good1 --ignore x": 2, "a/b/c/": 2,
	} {
		if got, out, stderr := run("token status " + line); got != code {
			t.Errorf("%q: exit %d, want %d\n%s%s", line, got, code, out, stderr)
		}
	}
}

// TestStatus_refused: no role, an Azure that is throttled, and one that is cut off.
func TestStatus_refused(t *testing.T) {
	t.Parallel()
	_, run := start(t, "AcrPull")
	if code, out, stderr := run("token status --all"); code != 5 || out != "" {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	reg, run := start(t, "Reader")
	for _, x := range []fault.Fault{{Kind: fault.Throttle, RetryAfter: 600 * time.Second},
		{Kind: fault.Drop, AfterBytes: 2500}} { // in the list of tokens
		x.Routes = []fault.Route{fault.RouteARM}
		remove := reg.Fault(x)
		if code, out, stderr := run("token status --all"); code != 6 || out != "" {
			t.Errorf("%s: exit %d\n%s%s", x.Kind, code, out, stderr)
		}
		remove()
	}
}

// TestStatus_denied: without the right to read scope maps the tokens are shown, and the
// answer is incomplete; without the right to read tokens there is none.
func TestStatus_denied(t *testing.T) {
	t.Parallel()
	reg, _ := start(t)
	const registries = "Microsoft.ContainerRegistry/registries/"
	for _, x := range []struct {
		lacks, line string
		code        int
		want        string
	}{
		{"scopeMaps/read", "--all", 7, "\ngood1\tenabled\t"},
		{"scopeMaps/read", "good1", 7, "good1\tenabled\t"},
		{"tokens/read", "--all", 4, ""},
		{"tokens/read", "good1", 4, ""},
	} {
		actions := []string{registries + "read", registries + "tokens/read", registries + "scopeMaps/read"}
		actions = slices.DeleteFunc(actions, func(action string) bool { return action == registries+x.lacks })
		code, out, stderr := as(t, reg, reg.CustomRole(actions...))("token status --ignore admin-user,anonymous-pull," +
			"arm-tokens,expires-soon,expired,no-password,no-expiry,all-repositories " + x.line)
		if code != x.code || !strings.Contains(out, x.want) || x.want == "" && out != "" ||
			!strings.Contains(stderr, "lacks the action "+registries+x.lacks) {
			t.Errorf("%s without %s: exit %d\n%s%s", x.line, x.lacks, code, out, stderr)
		}
	}
}

// TestStatus_order: the registry comes first, then the tokens by name, at any number.
func TestStatus_order(t *testing.T) {
	t.Parallel()
	reg, run := start(t, "Reader")
	for i := range 120 {
		reg.TokenOf(fmt.Sprintf("token%d", i), "one-repository")
	}
	_, out, _ := run("token status --all --json name --jq .[1:][].name")
	names := strings.Fields(out)
	if len(names) != 128 || !slices.IsSorted(names) {
		t.Errorf("%d names, sorted: %v", len(names), slices.IsSorted(names))
	}
}
