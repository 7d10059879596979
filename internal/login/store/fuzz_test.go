package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse: what is read can be written and is then read as the same; no error
// quotes the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"logins":[]}`,
		`{"version":1,"logins":[{"registry":"myregistry.azurecr.io","kind":"scoped-token","user":"ci","saved":"2030-01-02T03:04:05Z","secret":"MARKER-1"}]}`,
		`{"version":1,"logins":[{"registry":"a.azurecr.io","repository":"team/*","kind":"scoped-token","saved":"2030-01-02T03:04:05Z","keychain":"a#1"},` +
			`{"registry":"a.azurecr.io","repository":"team/app","kind":"refresh-token","saved":"2030-01-02T03:04:05Z","secret":"MARKER-2","why":"too long"}],"discard":["a#0"]}`,
		`{"version":2}`, `{"version":1,"logins":[{"secret":MARKER-3}]}`, `{"version":1}{"version":1}`, ``, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parse(data)
		if err != nil {
			if strings.Contains(err.Error(), "MARKER") {
				t.Errorf("the error quotes the file: %v", err)
			}
			return
		}
		again, err := parsed.encode()
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		second, err := parse(again)
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, again)
		}
		if len(parsed.Logins) != len(second.Logins) {
			t.Fatalf("%d logins, then %d", len(parsed.Logins), len(second.Logins))
		}
		for i, r := range parsed.Logins {
			if diff := cmp.Diff(plain(r), plain(second.Logins[i])); diff != "" {
				t.Error(diff)
			}
		}
		for _, r := range parsed.Logins {
			if (r.Secret == "") == (r.Keychain == "") {
				t.Error("a login without a secret, or with two")
			}
		}
	})
}

// plain is a record that cmp may print.
func plain(r record) []string {
	return []string{r.Registry, r.Repository, r.Kind, r.User, r.Tenant, r.Authority, r.Saved.UTC().String(),
		r.Secret, r.Why, r.Keychain}
}
