// Package auth gets access tokens for Azure Container Registry from a credential, and
// gives every Go client of registries a [net/http.RoundTripper] that uses them.
//
//	cred := auth.ScopedToken("ci-pull", password)
//	rt, err := auth.NewTransport("myregistry", cred, nil)
//	if err != nil {
//		return err
//	}
//	defer rt.Close()
//	client := &http.Client{Transport: rt} // oras-go: repo.Client = client
//
// Credentials:
//
//   - [ScopedToken], [ScopedTokenPair] with both passwords, [ScopedTokenSource] with a
//     password in a file or from a function, [ScopedTokenFunc]: a scope-mapped token;
//   - [ServicePrincipal], [FederatedServicePrincipal], [EntraToken], [Entra]: an Entra
//     identity. [github.com/acrkit/acrkit/auth/azureauth] has certificates, managed
//     identities and the Azure CLI;
//   - [RefreshToken], [AdminUser], [UserPassword], [Anonymous];
//   - [DockerConfig]: what docker login or podman login stored;
//   - [FromEnvironment]: registry and credential from environment variables;
//   - [Chain] and [ByRepository] combine others.
//
// A [Transport] derives the scope that a request needs from its method and path, sends
// it with a token for that scope, and returns the registry's answer as it is.
// [Transport.ResponseError] says of a refusal which right was missing. Tokens are cached
// for each scope, fetched once at a time, and renewed in the background at 80 % of their
// life; [Options.Tokens] keeps them beyond the process. A refused request is sent once
// more where that may help. A program that sends requests itself calls [Transport.Token].
//
// A credential is bound to one registry. It is sent to that origin's /oauth2/token and
// /oauth2/exchange alone (a service principal's secret to the Entra authority alone),
// over https except to loopback by option, and never after a redirect. A realm on another
// host is refused. Only the server's certificate protects against a name that resolves to
// a wrong address.
//
// Everything prints without its secrets, and errors hold none. The package imports the
// standard library only. It does not retry what the registry throttled or failed to
// answer: clients do, each in its own way.
package auth
