// Package hostile tests a credential helper or a keychain for Azure Container Registry
// with hosts and answers that may make it send a secret elsewhere, as GO-2026-6225
// describes.
//
//	func TestHostile(t *testing.T) {
//		t.Setenv("AZURE_CLIENT_SECRET", "made-up-secret") // and what else the helper reads
//		ask := func(_ context.Context, server string, network http.RoundTripper) (string, error) {
//			_, secret, err := myhelper.New(network).Get(server)
//			return secret, err
//		}
//		hostile.Test(t, []string{"made-up-secret"}, ask)
//	}
//
// [Test] asks for each of [Hosts], which must get nothing, and for genuine registries with
// each of [Answers]. The network is simulated: nothing leaves the process.
//
// The package is for tests of any project and imports only the standard library. It does
// not test whether the credential that a genuine registry gets is the right one.
package hostile
