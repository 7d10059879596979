package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// answer runs a command at a terminal. Something happens after the question, and then the
// answer is yes.
func (o *operator) answer(t *testing.T, happens func(), args ...string) ran {
	t.Helper()
	s, _, out, errOut := iostreams.Test()
	s.In = &meanwhile{happens, strings.NewReader("y\n")}
	s.SetTTY(true, true, true)
	env := map[string]string{"TERM": "dumb"}
	for name, value := range o.env {
		env[name] = value
	}
	code := cli.Run(t.Context(), &cmdutil.Factory{IO: s, Now: time.Now, Settle: -1,
		Global:    cmdutil.Global{NoCache: true},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}, args)
	return ran{code, out.String(), errOut.String()}
}

// TestChangedAfterQuestion: what changes between the question and the answer is not what the
// user has agreed to. Nothing is changed then, and the error says what is different. Without
// a change in between, the same command succeeds.
func TestChangedAfterQuestion(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	reg.ScopeMap("wider-map", pullApp, listApp)
	for _, tc := range []struct {
		line    string // its last word is the name of the token or of the scope map
		happens func(name string)
		says    []string
		again   bool
	}{
		{"token delete del-rights", func(name string) { reg.ScopeMap(name, pullApp, pushApp) },
			[]string{"no longer: - content/read on samples/app", "now: - content/read, content/write on samples/app"},
			true},
		{"token delete del-status", reg.DisableToken, []string{"now: The token is disabled."}, false},
		{"token delete del-password", func(name string) { reg.RegeneratePassword(name, "password2") },
			[]string{"no longer: Deleted with it: password2 without expiry", "now: Deleted with it: password2"}, false},
		{"token delete --with-scope-map del-shared", func(name string) { reg.TokenOf(name+"-2", name) },
			[]string{"no longer: The scope map is deleted, too.", "used by the token del-shared-2"}, false},
		{"scope-map delete map-rights", func(name string) { reg.ScopeMap(name, listApp) },
			[]string{"no longer: - content/read on samples/app", "now: - metadata/read on samples/app"}, true},
		{"scope-map delete map-used", func(name string) { reg.TokenOf(name, name) },
			[]string{"it is used by the token map-used"}, false},
		{"token enable enable", func(name string) { reg.ScopeMap(name, pullApp, pushApp) },
			[]string{"now: + content/read, content/write on samples/app"}, true},
		{"token edit --scope-map wider-map edit-rights", func(string) { reg.ScopeMap("wider-map", pullApp, pushApp) },
			[]string{"no longer: + metadata/read on samples/app", "now: + content/write on samples/app"}, true},
	} {
		words := strings.Fields(tc.line)
		name := words[len(words)-1]
		if reg.ScopeMap(name, pullApp); words[0] == "token" {
			reg.TokenOf(name, name)
		}
		if words[1] == "enable" {
			reg.DisableToken(name)
		}
		reg.Advance(time.Second) // passwords are told apart by their time
		reg.ResetRequests()
		r := o.answer(t, func() { tc.happens(name) }, words...)
		if r.code != cmdutil.ExitFailed || len(r.audit(t)) != 0 || !strings.Contains(r.err, "\ntry: acrkit ") {
			t.Errorf("%s: exit code %d\n%s", tc.line, r.code, r.err)
		}
		for _, says := range tc.says {
			if !strings.Contains(r.err, says) {
				t.Errorf("%s does not say %q:\n%s", tc.line, says, r.err)
			}
		}
		for _, x := range reg.Requests() {
			if x.Method == "DELETE" || x.Method == "PATCH" {
				t.Errorf("%s: %v", tc.line, x)
			}
		}
		if !tc.again {
			continue
		}
		if r := o.answer(t, nil, words...); r.code != 0 {
			t.Errorf("%s again: exit code %d\n%s", tc.line, r.code, r.err)
		}
	}
}

// TestDeleteSaysMap: a deletion of a token says what becomes of its scope map, and how to delete
// that if no other token uses it. A token whose scope map does not exist is deleted, too.
func TestDeleteSaysMap(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	reg.Token("alone", pullApp)
	reg.Token("shared", pullApp)
	reg.TokenOf("shared-2", "shared")
	reg.TokenOf("of-service", "_repositories_pull")
	reg.Token("no-map", pullApp)
	if err := reg.Manage().DeleteScopeMap(t.Context(), "no-map"); err != nil {
		t.Fatal(err)
	}
	const toDelete = "no other token uses it. To delete it: acrkit scope-map delete "
	for name, says := range map[string]string{
		"alone":      "The scope map stays, and " + toDelete + reg.Host() + "/alone\n",
		"shared":     "The scope map stays: it is used by the token shared-2.\n",
		"of-service": "The scope map stays: it is the service's own.\n",
		"no-map":     "There is no scope map of this name: the token has no rights.\n",
	} {
		if r := o.must(t, "token", "delete", name, "--dry-run"); !strings.Contains(r.out, says) {
			t.Errorf("%s, dry run: %s", name, r.out)
		}
	}
	if r := o.answer(t, nil, "token", "delete", "no-map"); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
}

// TestSubscriptionFirst: AZURE_SUBSCRIPTION_ID saves the list of the subscriptions, if it has the
// registry. What is no id is left out.
func TestSubscriptionFirst(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	o := newOperator(t, reg, reg.ServicePrincipal("Reader"))
	for first, want := range map[string]int{"33333333-3333-3333-3333-333333333333": 2, "": 3, "not/an/id": 3,
		"99999999-9999-9999-9999-999999999999": 4} {
		o.env["AZURE_SUBSCRIPTION_ID"] = first
		reg.ResetRequests()
		o.must(t, "token", "list")
		if n := reg.Requests().Count("GET", "/subscriptions"); n != want {
			t.Errorf("%q: %d requests, want %d: %q", first, n, want, reg.Requests().Lines())
		}
	}
}
