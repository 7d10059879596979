// Package acrkit has the types of the whole module: registries, repositories, actions,
// scopes, and errors with a stable code.
//
// A scope-mapped token for an Azure Container Registry (ACR) is a token name and a
// password, limited to some actions on some repositories. With this module any Go client
// can use it. The module reports why a request was refused, and has an emulator that
// refuses as the service does.
//
//   - [github.com/acrkit/acrkit/auth]: access tokens for a credential and a scope, and an
//     [net/http.RoundTripper] for every Go client.
//   - [github.com/acrkit/acrkit/auth/azureauth]: Microsoft's own Go client with
//     any credential, and Entra credentials from azidentity.
//   - [github.com/acrkit/acrkit/registry]: ACR's metadata API, typed; lists
//     are complete or fail.
//   - [github.com/acrkit/acrkit/scopemap]: scope maps as values: parse, match,
//     effective rights.
//   - [github.com/acrkit/acrkit/emulator]: an emulator of ACR on loopback, which grants
//     and refuses as ACR does.
//   - [github.com/acrkit/acrkit/acrtest]: that emulator with ready clients, for
//     tests.
//
// This package imports the standard library only, and not net/http.
package acrkit
