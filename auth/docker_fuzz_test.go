package auth

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

// What is read out of a file is for the registry alone, complete or marked as
// wrong, and messages hold no word of it.
func FuzzDockerFile(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `null`, `[]`, `{"auths":{"myregistry.azurecr.io":{"auth":"Y2k6cGFzc3dvcmQ="}}}`,
		`{"auths":{"https://myregistry.azurecr.io/v2/":{"username":"u","password":"p"}},"credsStore":"x"}`,
		`{"auths":{"myregistry.azurecr.io/team/app":{"identitytoken":"t"}}}`,
		`{"credHelpers":{"myregistry.azurecr.io":"../x"}}`, `{"credsStore":7}`,
		`{"auths":{"myregistry.azurecr.io":{"auth":"Og=="}}}`,
		`{"auths":{"MYREGISTRY.azurecr.io:443":{"auth":"`,
		`{"auths":{"myregistry.azurecr.io.evil.example":{"username":"u","password":"p"}}}`,
	} {
		f.Add([]byte(s))
	}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, why := parseDockerFile(data, reg)
		again, whyAgain := parseDockerFile(data, reg)
		if why != whyAgain || len(doc.auths) != len(again.auths) || doc.helper != again.helper {
			t.Fatal("the same file is read in two ways")
		}
		if doc.helper != "" && (!helperName.MatchString(doc.helper) || strings.ContainsAny(doc.helper, `/\`)) {
			t.Fatalf("helper %q", doc.helper)
		}
		for prefix, e := range doc.auths {
			if prefix != "" && acrkit.CheckRepositoryName(prefix) != nil {
				t.Fatalf("prefix %q", prefix)
			}
			if other := again.auths[prefix]; other.key != e.key || !other.pair.equal(e.pair) {
				t.Fatal("the same entry is read in two ways")
			}
			if p, ours := repositoryOfKey(e.key, reg); !ours || p != prefix {
				t.Fatalf("key %q has the prefix %q", e.key, prefix)
			}
			if !strings.Contains(strings.ToLower(e.key), "myregistry.azurecr.io") {
				t.Fatalf("key %q is of another host", e.key)
			}
			if (e.why == "") != (e.pair.user != "" && !e.pair.secret.IsZero()) {
				t.Fatalf("user %q, secret empty: %v, but why is %q", e.pair.user, e.pair.secret.IsZero(), e.why)
			}
		}
	})
}

// An answer is a whole pair, an empty one, or wrong; never half of one.
func FuzzHelperAnswer(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"ServerURL":"x","Username":"u","Secret":"s"}`,
		`{"Username":"<token>","Secret":"s"}`, `{"Secret":"s"}`, `[]`, `null`,
		`credentials not found in native keychain`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pair, why := parseHelperAnswer(data)
		if (pair.user == "") != pair.secret.IsZero() {
			t.Fatalf("half a pair: %q", pair.user)
		}
		if why != "" && !pair.secret.IsZero() {
			t.Fatal("wrong, and used all the same")
		}
		if said := helperSaid(string(data)); strings.ContainsAny(said, "{}\n") || len(said) > 2000 {
			t.Fatalf("said %q", said)
		}
	})
}
