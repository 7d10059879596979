// Package acrkit holds the words the whole module speaks: registries,
// repositories, actions, scopes, and errors with a stable code.
//
// Someone has a scope-mapped token for an Azure Container Registry (ACR): a
// token name and a password, limited to some actions on some repositories.
// The module lets any Go client use it, says why a request was refused, and
// brings an emulator that refuses as the service does.
//
//   - [github.com/acrkit/acrkit/auth]: who you are → an access token for a
//     scope; an [net/http.RoundTripper] for every Go client.
//   - [github.com/acrkit/acrkit/auth/azureauth]: Microsoft's own Go client with
//     any credential, and Entra credentials from azidentity.
//   - [github.com/acrkit/acrkit/registry]: ACR's metadata API, typed; lists
//     are complete or fail.
//   - [github.com/acrkit/acrkit/scopemap]: scope maps as values: parse, match,
//     effective rights.
//   - [github.com/acrkit/acrkit/emulator]: an ACR that grants and refuses, on
//     loopback.
//   - [github.com/acrkit/acrkit/acrtest]: that emulator with ready clients, for
//     tests.
//
// This package imports the standard library only, and not net/http.
package acrkit
