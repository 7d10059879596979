// Package azureauth uses any credential of package auth in Microsoft's own Go client for
// Azure Container Registry, and any credential of Microsoft's azidentity in package auth.
//
// The name and password of a scope-mapped token, with the official client:
//
//	cred := auth.ScopedToken("ci-pull", password)
//	client, err := azureauth.NewContainerRegistryClient("myregistry", cred, nil)
//	if err != nil {
//		return err
//	}
//	tags := client.NewListTagsPager("samples/app", nil)
//
// An Entra credential, with any client that takes an http.RoundTripper:
//
//	entra, err := azidentity.NewDefaultAzureCredential(nil)
//	…
//	rt, err := auth.NewTransport("myregistry", azureauth.Credential(entra, nil), nil)
//
// [NewContainerRegistryClient] and [NewContainerRegistryBlobClient] return Microsoft's
// types, and all of their methods work, uploads included. [ClientOptions] lets several
// clients share one transport. [Certificate], [ManagedIdentity] and [AzureCLI] are
// credentials that need Microsoft's library; [FromEnvironment] is auth's with certificates.
//
// An answer that is no success is an error with an [*acrkit.Error], which says which right
// was missing, and an [*azcore.ResponseError]; [errors.As] finds both. The status of the
// second is 403 where the service says 401; body and header are the service's. [AsError]
// adds what the program was doing. A credential that was not accepted is an
// [*acrkit.Error] alone, and is not tried again.
//
// Microsoft's client takes only an [azcore.TokenCredential] by itself, which a
// scope-mapped token is not and cannot be made into.
package azureauth
