package acrtest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator/rule"
)

// TestRegistry_DeniedCauses: each denial has its cause, those that the service answers
// alike included.
func TestRegistry_DeniedCauses(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("team/app", "v1")
	token := reg.Token("ci-read", "repositories/team/app/content/read")
	ask := func(cred auth.Credential, scope acrkit.Scope) {
		t.Helper()
		if _, err := reg.Transport(cred).Token(t.Context(), scope); err == nil {
			t.Error("it was not refused")
		}
	}
	read := acrkit.RepositoryScope("team/app", acrkit.ContentRead)
	client := reg.Client(token.Credential())
	for _, err := range client.Tags(t.Context(), "team/app", nil) {
		if acrkit.CodeOf(err) != acrkit.CodeInsufficientScope {
			t.Errorf("tags: %v", err)
		}
	}
	for _, err := range client.Repositories(t.Context(), nil) {
		if acrkit.CodeOf(err) != acrkit.CodeInsufficientScope {
			t.Errorf("catalog: %v", err)
		}
	}
	ask(auth.ScopedToken("ci-read", "not-the-password"), read)
	ask(auth.ScopedToken("gone", "not-the-password"), read)
	reg.ExpirePassword("ci-read", "password1")
	ask(auth.ScopedToken("ci-read", token.Password1), read)
	reg.DisableToken("ci-read")
	ask(auth.ScopedToken("ci-read", token.Password2), read)
	ask(auth.Anonymous(), read)
	reg.DenyNetwork()
	ask(auth.Anonymous(), read)
	want := []acrkit.Cause{"ACRK070", "ACRK072", "ACRK032", "ACRK036", "ACRK033", "ACRK034", "ACRK069", "ACRK025"}
	if diff := cmp.Diff(want, reg.DeniedCauses()); diff != "" {
		t.Errorf("-want +got:\n%s\n%+v", diff, reg.Denied())
	}
	rules := []rule.ID{rule.RightMissing, rule.RightMissing, rule.PasswordWrong, rule.UserUnknown, rule.PasswordExpired,
		rule.ScopedTokenDisabled, rule.AnonymousPullOff, rule.NetworkRule}
	if diff := cmp.Diff(rules, reg.DeniedRules()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
