package hostile_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper/hostile"
)

// helper is the credential helper under test. It signs in to Entra as a service principal,
// and answers with an ACR refresh token.
type helper struct {
	clientSecret string
	network      http.RoundTripper
}

func (h helper) Get(ctx context.Context, server string) (secret string, err error) {
	cred := auth.ServicePrincipal("11111111-1111-1111-1111-111111111111",
		"22222222-2222-2222-2222-222222222222", h.clientSecret, nil)
	rt, err := auth.NewTransport(server, cred, &auth.Options{Base: h.network})
	if err != nil {
		return "", err
	}
	defer rt.Close()
	token, err := rt.RefreshToken(ctx)
	return token.Value.Reveal(), err
}

// testHelper is func TestHelper(t *testing.T) in a test file of yours.
func testHelper(t *testing.T) {
	const clientSecret = "made-up-client-secret"
	ask := func(ctx context.Context, server string, network http.RoundTripper) (string, error) {
		return helper{clientSecret, network}.Get(ctx, server)
	}
	hostile.Test(t, []string{clientSecret}, ask)
}

// A test that no hostile host or answer makes a credential helper give away a secret.
func ExampleTest() {
	_ = testHelper // go test calls it, under the name TestHelper
}
