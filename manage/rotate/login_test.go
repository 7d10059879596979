package rotate_test

import (
	"testing"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/manage/rotate"
)

// A login tells a password that is accepted from one that is not, and from a registry that
// does not answer. A token in a password's place is none of the token's passwords.
func TestNewLogin(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")
	login := rotate.NewLogin(parse(t, reg), token.Name, &auth.Options{Base: reg.RoundTripper()})
	refreshToken, err := reg.Transport(reg.ServicePrincipal("AcrPull").Credential()).RefreshToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]bool{token.Password1: true, token.Password2: true, "another": false,
		refreshToken.Value.Reveal(): false} {
		if ok, err := login(t.Context(), auth.NewSecret(value)); ok != want || err != nil {
			t.Errorf("accepted %t, %v", ok, err)
		}
	}
	reg.Fault(fault.Fault{Kind: fault.Status, Status: 503})
	if ok, err := login(t.Context(), auth.NewSecret(token.Password1)); ok || err == nil {
		t.Errorf("without an answer: %t, %v", ok, err)
	}
}
