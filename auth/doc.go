// Package auth gets access tokens for Azure Container Registry from a credential, and
// gives every Go client of registries an [net/http.RoundTripper] that uses them.
//
//	cred := auth.ScopedToken("ci-pull", password)
//	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, nil)
//	client := &http.Client{Transport: rt}
//
// The pieces, from the outside in:
//
//   - [Transport]: derives the scope a request needs, sends it with a token for that
//     scope, and retries a refused request once where that may help.
//   - its cache: a token for each requested scope, fetched once at a time,
//     renewed in the background at 80 % of its life.
//   - [Credential]: what the tokens are made from. Scope-mapped tokens, user names
//     with passwords, and anonymous requests ask the registry's token service
//     directly; Entra identities ([ServicePrincipal], [EntraToken], [Entra]) are
//     exchanged for an ACR refresh token first. [ScopedTokenSource] and
//     [FederatedServicePrincipal] read their secret again from a [SecretSource],
//     [ScopedTokenFunc] name and password from a function; [DockerConfig] finds the login
//     of another program; [ByRepository] and [Chain] combine others.
//   - [FromEnvironment]: registry and credential from environment variables.
//
// A credential is bound to one registry. It is sent to that origin's
// /oauth2/token and /oauth2/exchange alone (a service principal's secret to the
// Entra authority alone), over https except to loopback by option, and never
// after a redirect. A realm on another host is refused. Only the server's certificate
// protects against a name that resolves to a wrong address.
//
// Everything prints without its secrets, and errors hold none.
//
// The package imports the standard library only.
package auth
