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

// TestTokenRevoke removes passwords: what is said, what still works, and what is not known.
func TestTokenRevoke(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	o := newOperator(reg, reg.ServicePrincipal("Contributor"))
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	works := func(token, password string) bool {
		_, err := reg.Client(auth.ScopedToken(token, password)).Tag(t.Context(), "samples/app", "v1")
		return err == nil
	}
	for _, tc := range []struct {
		name         string
		args         []string // {1}, {2}, {other} are files with the first, second and another password
		code         int
		says, silent []string
		one, two     bool // the passwords work afterwards
		removed      []manage.Slot
	}{
		{name: "both", args: []string{"--yes"}, removed: []manage.Slot{"password1", "password2"},
			says: []string{"- content/read, metadata/read on samples/app\n",
				"Logins with password1 and password2 are refused",
				"Access tokens that were issued before", "Azure no longer lists it", "needs the old value"}},
		{name: "one-known", args: []string{"--slot", "password1", "--password-file", "{1}", "--yes"}, two: true,
			removed: []manage.Slot{"password1"},
			says:    []string{"same rights\n", "Stays: password2", "The registry refuses it, "},
			silent:  []string{"Azure no longer lists"}},
		{name: "one-by-sink", args: []string{"--slot", "password1", "--to", "file:{1}", "--yes"}, two: true,
			removed: []manage.Slot{"password1"}, says: []string{"It is held by file:", "The registry refuses it, "}},
		{name: "of-the-other-slot", args: []string{"--slot", "password1", "--password-file", "{2}", "--wait", "1ms",
			"--yes"},
			code: 7, two: true, removed: []manage.Slot{"password1"},
			says: []string{"still accepted after ", "it may be the value of password2", "try: acrkit token view "}},
		{name: "wrong-value", args: []string{"--slot", "password1", "--password-file", "{other}", "--yes"}, two: true,
			removed: []manage.Slot{"password1"},
			says:    []string{"The value that was given is not accepted now", "Azure no longer lists it"},
			silent:  []string{"The registry refuses it"}},
		{name: "dry", args: []string{"--slot", "password2", "--dry-run"}, one: true, two: true},
		{name: "no-terminal", args: []string{"--slot", "password2"}, code: 2, one: true, two: true,
			says: []string{"there is no terminal to ask at"}},
		{name: "no-file", args: []string{"--password-file", filepath.Join(dir, "none"), "--yes"}, code: 2, one: true,
			two:  true,
			says: []string{"there is no password in "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := "revoke-" + tc.name
			token := reg.Token(name, pullApp, listApp)
			one, two := write(name+"1", token.Password1), write(name+"2", token.Password2)
			line := append([]string{"token", "revoke", name}, tc.args...)
			for i := range line {
				line[i] = strings.NewReplacer("{1}", one, "{2}", two, "{other}", write("other", "something-else")).
					Replace(line[i])
			}
			r := o.run(t, line...)
			if r.code != tc.code {
				t.Errorf("exit code %d, want %d", r.code, tc.code)
			}
			for _, s := range tc.says {
				if !strings.Contains(r.err, s) {
					t.Errorf("it does not say %q", s)
				}
			}
			for _, s := range append(tc.silent, token.Password1, token.Password2) {
				if strings.Contains(r.err+r.out, s) {
					t.Errorf("it says %q", s)
				}
			}
			var want []manage.Change
			for _, slot := range tc.removed {
				want = append(want, manage.Change{Action: "remove", Kind: "password", Name: name, Slot: slot,
					Result: "done"})
			}
			checkAudit(t, o, tc.name, r, want)
			if a, b := works(name, token.Password1), works(name, token.Password2); a != tc.one || b != tc.two {
				t.Errorf("password1 works: %t, password2: %t", a, b)
			}
			if t.Failed() {
				t.Logf("stdout:\n%s\nstderr:\n%s", r.out, r.err)
			}
		})
	}
	reg.Token("revoke-twice", pullApp)
	o.must(t, "token", "revoke", "revoke-twice", "--yes")
	if r := o.must(t, "token", "revoke", "revoke-twice", "--yes"); !strings.Contains(r.err,
		"has no password; nothing was") {
		t.Errorf("twice: %s", r.err)
	}
}
