package tokensvc

import "testing"

func TestBasicAuth(t *testing.T) {
	for header, want := range map[string]struct {
		user, password string
		ok             bool
	}{
		"Basic dTpwOnE=":   {"u", "p:q", true},
		"basic dTpwOnE=":   {"u", "p:q", true},
		"Basic   dTpwOnE=": {"u", "p:q", true}, // net/http refuses it
		"Basic dQ==":       {"u", "", false},
		"Basic dTpwOnE":    {"", "", false},
		"Basic":            {"", "", false},
		"Bearer dTpwOnE=":  {"", "", false},
	} {
		user, password, ok := BasicAuth(header)
		if ok != want.ok || ok && (user != want.user || password != want.password) {
			t.Errorf("%q: %q, %q, %v", header, user, password, ok)
		}
	}
}
