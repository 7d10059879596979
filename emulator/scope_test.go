package emulator_test

import (
	"testing"

	"github.com/acrkit/acrkit/emulator"
)

// TestEmptyScope: no scope is taken, one that is there and empty is not.
func TestEmptyScope(t *testing.T) {
	f := start(t, nil)
	get := "/oauth2/token?service=" + f.host
	post := []string{"grant_type", "password", "service", f.host, "username", "ci-pull", "password", pullPw}
	refresh := []string{"grant_type", "refresh_token", "service", f.host, "refresh_token", f.refreshToken()}
	const scope = "repository:samples/app:pull"
	for name, x := range map[string]struct {
		a      answer
		status int
	}{
		"GET/absent":      {f.get(get, basic("ci-pull", pullPw)), 200},
		"GET/empty":       {f.get(get+"&scope=", basic("ci-pull", pullPw)), 400},
		"GET/bare":        {f.get(get+"&scope", basic("ci-pull", pullPw)), 400},
		"GET/one_of_two":  {f.get(get+"&scope=&scope="+scope, basic("ci-pull", pullPw)), 200},
		"GET/anonymous":   {f.get(get+"&scope=", nil), 400},
		"POST/absent":     {f.post("/oauth2/token", post...), 200},
		"POST/empty":      {f.post("/oauth2/token", append(post, "scope", "")...), 400},
		"POST/spaces":     {f.post("/oauth2/token", append(post, "scope", "  ")...), 400},
		"POST/scope":      {f.post("/oauth2/token", append(post, "scope", scope)...), 200},
		"POST/in_the_URL": {f.post("/oauth2/token?scope=", post...), 200}, // not read there
		"refresh/absent":  {f.post("/oauth2/token", refresh...), 200},
		"refresh/empty":   {f.post("/oauth2/token", append(refresh, "scope", "")...), 400},
	} {
		t.Run(name, func(t *testing.T) {
			if x.a.status != x.status || x.status == 400 &&
				(x.a.body != "" || x.a.header.Get("WWW-Authenticate") != "") {
				t.Errorf("%d %q %v", x.a.status, x.a.body, x.a.header)
			}
		})
	}
	said := 0
	for d, err := range f.Decisions(t.Context(), emulator.DecisionFilter{Outcome: emulator.OutcomeDenied}) {
		must(t, err)
		if d.Reason == "the scope is empty: leave it out" && d.Path == "/oauth2/token" {
			said++
		}
	}
	if said != 6 {
		t.Errorf("%d of 6 in the decision log", said)
	}
}
