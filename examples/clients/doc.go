// Package clients shows go-containerregistry and regclient over a transport of
// package auth: with a scope-mapped token's name and password, or any other
// credential, and no credential of the client's own. It is a module of its own, so
// that these clients are no dependency of acrkit.
package clients
