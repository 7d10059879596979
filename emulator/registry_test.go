package emulator_test

import (
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

// TestRegistry_refusals: a handle's errors say what is wrong, in words that need no seed.
func TestRegistry_refusals(t *testing.T) {
	f := start(t, nil)
	r, ctx := f.registry(), t.Context()
	rules, err := scopemap.Parse([]string{"repositories/samples/*/content/read"})
	must(t, err)
	rules.Name = "x"
	_, slot := r.GeneratePasswords(ctx, "ci-pull", time.Time{}, "password3")
	for want, err := range map[string]error{
		`cannot store the token: name: "x" is not a token's name (5 to 50 letters, digits and -)`:            r.PutToken(ctx, emulator.TokenSpec{Name: "x", ScopeMap: "_repositories_pull"}),
		`cannot store the token: the token has no scopeMap`:                                                  r.PutToken(ctx, emulator.TokenSpec{Name: "ci-pull"}),
		`cannot store the token: scopeMap: there is no scope map "nope" in this registry`:                    r.PutToken(ctx, emulator.TokenSpec{Name: "ci-pull", ScopeMap: "nope"}),
		`cannot store the scope map: name: "x" is not a scope map's name (5 to 50 letters, digits, - and _)`: r.PutScopeMap(ctx, rules),
		`cannot store the scope map: the scope map has no actions`:                                           r.PutScopeMap(ctx, scopemap.Map{Name: "empty-map"}),
		`cannot set the password: the password has no value`:                                                 r.SetPassword(ctx, "ci-pull", seed.Password{Name: "password1"}),
		`cannot set the password: name: is neither password1 nor password2; value: is shorter than 8 bytes`:  r.SetPassword(ctx, "ci-pull", seed.Password{Name: "p", Value: "x"}),
		`cannot generate passwords: "password3" is neither password1 nor password2, or occurs twice`:         slot,
		`cannot assign the role: clientId: names no application`:                                             r.AssignRole(ctx, seed.RoleAssignment{ClientID: "x", Role: "AcrPull"}),
		`cannot store the application: id: is not a GUID; applications[0].clientId: is not a GUID`:           f.PutApplication(ctx, "x", seed.Application{ClientID: "x"}),
	} {
		if err == nil || err.Error() != want || acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
