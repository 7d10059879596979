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
// A missing right arrives as an *azcore.ResponseError with status 403. The service
// says 401; its body and header are passed on as they are. [AsError] says in a
// sentence which right was missing. A credential that was not accepted arrives as
// an *acrkit.Error and is not tried again.
//
// An Entra credential, with any client that takes an http.RoundTripper:
//
//	entra, err := azidentity.NewDefaultAzureCredential(nil)
//	cred := azureauth.Credential(entra, nil)
//	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, nil)
package azureauth
