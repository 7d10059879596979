// Package acrkit has the types of the whole module: registries, repositories, actions,
// scopes, and errors with a stable code.
//
// A scope-mapped token for an Azure Container Registry (ACR) is a token name and a
// password, limited to some actions on some repositories. With this module any Go client
// can use it. The module reports why a request was refused, and has an emulator that
// refuses as the service does.
//
// The packages:
//
//   - [github.com/acrkit/acrkit/auth]: access tokens for any Go client, as an [net/http.RoundTripper]
//   - [github.com/acrkit/acrkit/auth/azureauth]: Microsoft's Go client with any credential, and Entra's credentials
//   - [github.com/acrkit/acrkit/registry]: ACR's metadata API, typed; a list is complete or an error
//   - [github.com/acrkit/acrkit/scopemap]: scope maps as values: parse, match, effective rights
//   - [github.com/acrkit/acrkit/manage]: scope maps, tokens and passwords, over Azure Resource Manager
//   - [github.com/acrkit/acrkit/manage/sink]: where a token's password is delivered: files, Docker, commands
//   - [github.com/acrkit/acrkit/manage/rotate]: a token's password is replaced without an outage
//   - [github.com/acrkit/acrkit/manage/policy]: the passwords of many tokens are replaced by a policy
//   - [github.com/acrkit/acrkit/proxy]: an ACR on loopback that asks the real one with your credential
//   - [github.com/acrkit/acrkit/diagnose]: why a request was refused, with the evidence and the fix
//   - [github.com/acrkit/acrkit/credhelper]: the protocols of Docker's credential helpers and of the kubelet
//   - [github.com/acrkit/acrkit/credhelper/hostile]: tests of a credential helper against hostile hosts
//   - [github.com/acrkit/acrkit/emulator]: an emulator of ACR, which grants and refuses as ACR does
//   - [github.com/acrkit/acrkit/emulator/seed]: what an emulator holds when it starts
//   - [github.com/acrkit/acrkit/emulator/control]: the emulator's control API, and a client for it
//   - [github.com/acrkit/acrkit/emulator/fault]: the failures that the emulator makes on request
//   - [github.com/acrkit/acrkit/emulator/rule]: the rules by which the emulator refuses
//   - [github.com/acrkit/acrkit/acrtest]: the emulator with ready clients, for tests
//
// This package imports the standard library only, and not net/http.
package acrkit
