package azureauth_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// printAzureTags lists the tags of a repository with Microsoft's client.
func printAzureTags(client *azcontainerregistry.Client, repository string) {
	pager := client.NewListTagsPager(repository, nil)
	for pager.More() {
		page, err := pager.NextPage(context.Background())
		if err != nil {
			fmt.Println(azureauth.AsError(fmt.Sprintf("list tags of %q", repository), err))
			return
		}
		for _, tag := range page.Tags {
			fmt.Println(repository, *tag.Name)
		}
	}
}

// Microsoft's client with the name and password of a scope-mapped token.
//
// The examples of this package run against an emulated registry of package acrtest. For a
// real one, pass its name instead of reg.Host(), and nil options.
func ExampleNewContainerRegistryClient() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1", "v2")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")

	cred := auth.ScopedToken(token.Name, token.Password1)
	client, err := azureauth.NewContainerRegistryClient(reg.Host(), cred,
		&azcontainerregistry.ClientOptions{ClientOptions: reg.AzureOptions()})
	if err != nil {
		fmt.Println(err)
		return
	}

	pager := client.NewListTagsPager("samples/app", nil)
	for pager.More() {
		page, err := pager.NextPage(context.Background())
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, tag := range page.Tags {
			fmt.Println(*tag.Name)
		}
	}
	// Output:
	// v1
	// v2
}

// Microsoft's client with a service principal, by package auth instead of azidentity.
func ExampleNewContainerRegistryClient_servicePrincipal() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	app := reg.ServicePrincipal("AcrPull")

	// The authority of a real registry follows from its cloud: pass nil for the options.
	cred := auth.ServicePrincipal(app.TenantID, app.ClientID, app.ClientSecret,
		&auth.EntraOptions{AuthorityHost: reg.AuthorityHost()})
	client, err := azureauth.NewContainerRegistryClient(reg.Host(), cred,
		&azcontainerregistry.ClientOptions{ClientOptions: reg.AzureOptions()})
	if err != nil {
		fmt.Println(err)
		return
	}

	printAzureTags(client, "samples/app")
	// Output: samples/app v1
}

// Several of Microsoft's clients over one transport, which share its tokens.
func ExampleClientOptions() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	img := reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")

	rt, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
		&auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	options := azureauth.ClientOptions(rt, nil)
	endpoint := rt.URL().String()
	client, err := azcontainerregistry.NewClient(endpoint, nil,
		&azcontainerregistry.ClientOptions{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	blobs, err := azcontainerregistry.NewBlobClient(endpoint, nil,
		&azcontainerregistry.BlobClientOptions{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}

	printAzureTags(client, "samples/app")
	blob, err := blobs.GetBlob(context.Background(), "samples/app", img.Blobs[0], nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer blob.BlobData.Close()
	fmt.Println(*blob.ContentLength > 0)
	// Output:
	// samples/app v1
	// true
}

// Why Microsoft's client was refused: the right that is missing, and what to do.
func ExampleAsError() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")

	client, err := azureauth.NewContainerRegistryClient(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
		&azcontainerregistry.ClientOptions{ClientOptions: reg.AzureOptions()})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.GetTagProperties(context.Background(), "samples/app", "v1", nil)
	err = azureauth.AsError(`read the tag "samples/app:v1"`, err)

	var e *acrkit.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code)
		fmt.Println("required:", e.Required)
		fmt.Println("granted:", e.Granted)
	}
	// Output:
	// insufficient_scope
	// required: repository:samples/app:metadata_read
	// granted:
}

// A credential of azidentity, with any client that takes an http.RoundTripper.
func ExampleCredential() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	app := reg.ServicePrincipal("AcrPull")

	entra, err := azidentity.NewClientSecretCredential(app.TenantID, app.ClientID, app.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{ // for a real registry: nil
			ClientOptions: reg.AzureOptions(), DisableInstanceDiscovery: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	rt, err := auth.NewTransport(reg.Host(), azureauth.Credential(entra, nil), &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	token, err := rt.Token(context.Background(), acrkit.RepositoryScope("samples/app", acrkit.ContentRead))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("granted:", token.Granted)
	// Output: granted: repository:samples/app:pull
}

// The account that is signed in to the Azure CLI; if there is none, a managed identity.
// Nothing is asked before the first token is needed.
func ExampleAzureCLI() {
	cred := auth.Chain(azureauth.AzureCLI(nil), azureauth.ManagedIdentity(nil))
	rt, err := auth.NewTransport("myregistry", cred, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	fmt.Println(rt.Registry(), cred.Kind())
	// Output: myregistry.azurecr.io chain
}
