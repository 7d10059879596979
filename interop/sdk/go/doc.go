// Package sdk holds two programs that use Microsoft's Go client of Azure Container
// Registry: repositories, as a service principal, and promote, with a scope-mapped
// token. The tests of the interop module run them.
package sdk
