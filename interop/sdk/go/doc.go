// Package sdk holds programs that use Microsoft's Go client of Azure Container
// Registry: repositories, as a service principal; promote, with a scope-mapped token;
// control, which manages a registry; tags and vault, with the credential that DefaultAzureCredential finds. The tests
// of the interop module run them.
package sdk
