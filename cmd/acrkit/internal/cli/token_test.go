package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/manage"
)

// TestTokenLife takes a token from its creation to its deletion. After each command comes
// what it must have said, and the audit lines that it must have written.
func TestTokenLife(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	o := newOperator(reg, reg.ServicePrincipal("Contributor"))
	file := filepath.Join(t.TempDir(), "password")
	read := func() string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	use := func() error {
		_, err := reg.Client(auth.ScopedToken("ci-pull", read())).Tag(t.Context(), "samples/app", "v1")
		return err
	}
	pull := []string{pullApp, listApp}
	pullPush := []string{pullApp, listApp, pushApp}
	for _, step := range []struct {
		line  string
		out   []string // on stdout
		err   []string // on stderr
		audit []manage.Change
		works bool // the token does, afterwards
	}{
		{line: "token create ci-pull --allow samples/app:content/read,metadata/read --expires 90d --to file:" + file,
			err: []string{`new scope map "ci-pull" on ` + reg.Host() + ", for the token ci-pull:\n",
				"+ content/read, metadata/read on samples/app\n", "Its password1 expires 20",
				"Delivered password1 to file:"},
			audit: []manage.Change{
				{Action: "create", Kind: "scope-map", Name: "ci-pull", After: &manage.Rights{Actions: pull}},
				{Action: "create", Kind: "token", Name: "ci-pull", After: &manage.Rights{ScopeMap: "ci-pull",
					Enabled: true}},
				{Action: "generate", Kind: "password", Name: "ci-pull", Slot: "password1"}},
			works: true},
		{line: "token list", out: []string{"ci-pull\tci-pull\tenabled\tpassword1 until 20"}, works: true},
		{line: "token view ci-pull", out: []string{"status\tenabled\n", "action\t" + pullApp + "\n"}, works: true},
		{line: "scope-map list", out: []string{"ci-pull\tuser\t2\tof the token ci-pull\n",
			"_repositories_pull\tsystem\t"},
			works: true},
		{line: "scope-map view ci-pull", out: []string{"tokens\tci-pull\n", "action\t" + listApp + "\n"}, works: true},
		{line: "scope-map edit ci-pull --add samples/app:content/write --dry-run",
			out: []string{`scope map "ci-pull" on ` + reg.Host() + ", for the token ci-pull:\n+ content/write on " +
				"samples/app\n"},
			err: []string{"Nothing was changed"}, works: true},
		{line: "scope-map edit ci-pull --add samples/app:content/write --yes",
			err: []string{"+ content/write on samples/app\n", "Changed the scope map"},
			audit: []manage.Change{{Action: "update", Kind: "scope-map", Name: "ci-pull",
				Before: &manage.Rights{Actions: pull}, After: &manage.Rights{Actions: pullPush}}}, works: true},
		{line: "scope-map edit ci-pull --add " + pushApp + " --yes", err: []string{"has these lines already"},
			works: true},
		{line: "scope-map edit ci-pull --remove " + pushApp, // narrower: not asked
			err: []string{"- content/write on samples/app\n"},
			audit: []manage.Change{{Action: "update", Kind: "scope-map", Name: "ci-pull",
				Before: &manage.Rights{Actions: pullPush}, After: &manage.Rights{Actions: pull}}}, works: true},
		{line: "scope-map create shared --allow samples/app:metadata/read --description x",
			err: []string{"Made the scope map"},
			audit: []manage.Change{{Action: "create", Kind: "scope-map", Name: "shared",
				After: &manage.Rights{Actions: []string{listApp}}}}, works: true},
		{line: "token edit ci-pull --scope-map shared", // narrower
			err: []string{"- content/read on samples/app\n", "Changed the token"},
			audit: []manage.Change{{Action: "update", Kind: "token", Name: "ci-pull",
				Before: &manage.Rights{ScopeMap: "ci-pull", Enabled: true},
				After:  &manage.Rights{ScopeMap: "shared", Enabled: true}}}, works: true},
		{line: "token edit ci-pull --scope-map ci-pull --yes", err: []string{"+ content/read on samples/app\n"},
			audit: []manage.Change{{Action: "update", Kind: "token", Name: "ci-pull",
				Before: &manage.Rights{ScopeMap: "shared", Enabled: true},
				After:  &manage.Rights{ScopeMap: "ci-pull", Enabled: true}}}, works: true},
		{line: "token disable ci-pull",
			err: []string{"- content/read, metadata/read on samples/app\n", "Access tokens that were issued before"},
			audit: []manage.Change{{Action: "update", Kind: "token", Name: "ci-pull",
				Before: &manage.Rights{ScopeMap: "ci-pull", Enabled: true},
				After:  &manage.Rights{ScopeMap: "ci-pull"}}}},
		{line: "token disable ci-pull", err: []string{"is disabled already"}},
		{line: "token enable ci-pull --yes", err: []string{"+ content/read, metadata/read on samples/app\n"},
			audit: []manage.Change{{Action: "update", Kind: "token", Name: "ci-pull",
				Before: &manage.Rights{ScopeMap: "ci-pull"}, After: &manage.Rights{ScopeMap: "ci-pull",
					Enabled: true}}},
			works: true},
		{line: "token delete ci-pull --with-scope-map --dry-run", out: []string{"The scope map is deleted, too."},
			works: true},
		{line: "token delete ci-pull --with-scope-map --yes",
			err: []string{"- content/read, metadata/read on samples/app\n", "Deleted the token",
				"Deleted the scope map"},
			audit: []manage.Change{
				{Action: "delete", Kind: "token", Name: "ci-pull", Before: &manage.Rights{ScopeMap: "ci-pull",
					Enabled: true}},
				{Action: "delete", Kind: "scope-map", Name: "ci-pull", Before: &manage.Rights{Actions: pull}}}},
		{line: "scope-map delete shared --yes", err: []string{"used by no token", "Deleted the scope map"},
			audit: []manage.Change{{Action: "delete", Kind: "scope-map", Name: "shared",
				Before: &manage.Rights{Actions: []string{listApp}}}}},
	} {
		r := o.must(t, strings.Fields(step.line)...)
		for _, want := range step.out {
			if !strings.Contains(r.out, want) {
				t.Errorf("%s: stdout lacks %q:\n%s", step.line, want, r.out)
			}
		}
		for _, want := range step.err {
			if !strings.Contains(r.err, want) {
				t.Errorf("%s: stderr lacks %q:\n%s", step.line, want, r.err)
			}
		}
		if strings.Contains(r.out+r.err, read()) {
			t.Errorf("%s printed the password", step.line)
		}
		for i := range step.audit {
			step.audit[i].Result = "done"
		}
		checkAudit(t, o, step.line, r, step.audit)
		if err := use(); (err == nil) != step.works {
			t.Errorf("after %s: %v", step.line, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
}

// checkAudit compares the audit lines of a command, which have who, where and an id, too.
func checkAudit(t *testing.T, o *operator, line string, r ran, want []manage.Change) {
	t.Helper()
	got := r.audit(t)
	if len(got) != len(want) {
		t.Errorf("%s: %d audit lines, want %d:\n%s", line, len(got), len(want), r.err)
		return
	}
	for i, c := range got {
		if c.Who.Client != o.who.ClientID || c.Who.Tenant != o.who.TenantID || c.Time.IsZero() ||
			!strings.HasSuffix(c.Registry, "/registries/"+o.reg.Name()) || len(c.CorrelationID) != 36 {
			t.Errorf("%s: %+v", line, c)
		}
		w := want[i]
		if c.Action != w.Action || c.Kind != w.Kind || c.Name != w.Name || c.Slot != w.Slot || c.Result != w.Result ||
			!sameRights(c.Before, w.Before) || !sameRights(c.After, w.After) {
			t.Errorf("%s: audit line %d is %s", line, i, c.Line())
		}
	}
}

func sameRights(a, b *manage.Rights) bool {
	if a == nil || b == nil {
		return a == b
	}
	return strings.Join(a.Actions, " ") == strings.Join(b.Actions, " ") && a.ScopeMap == b.ScopeMap &&
		a.Enabled == b.Enabled
}
