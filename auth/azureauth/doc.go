// Package azureauth uses any credential of package auth in Microsoft's own Go client for
// Azure Container Registry, and any credential of Microsoft's azidentity in package auth.
//
// A scope-mapped token's name and password, with the official client:
//
//	cred := auth.ScopedToken("ci-pull", password)
//	client, err := azureauth.NewContainerRegistryClient("myregistry.azurecr.io", cred, nil)
//
// The client itself takes only an azcore.TokenCredential, which such a token is
// not and cannot be made into. All of its methods work, uploads and other requests
// with a body included; with a cached token, each call is one request.
//
// An answer that is no success is an error with an [*acrkit.Error], which says which right
// was missing, and an *azcore.ResponseError; [errors.As] finds both. The status of the
// second is 403 where the service says 401; body and header are the service's. [AsError]
// adds what the program was doing. A credential that was not accepted is an
// [*acrkit.Error] alone, and is not tried again.
//
// An Entra credential, with any client that takes an http.RoundTripper:
//
//	entra, err := azidentity.NewDefaultAzureCredential(nil)
//	cred := azureauth.Credential(entra, nil)
//	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, nil)
package azureauth
