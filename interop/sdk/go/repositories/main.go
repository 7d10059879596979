// Command repositories lists the repositories of a registry as a service principal.
//
//	AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... \
//	  go run ./repositories https://myregistry.azurecr.io
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

func main() {
	if err := list(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(ctx context.Context, endpoint string) error {
	_, own := os.LookupEnv("AZURE_AUTHORITY_HOST")
	cred, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"),
		os.Getenv("AZURE_CLIENT_SECRET"),
		// An authority other than Microsoft's own is not one that Microsoft vouches for.
		&azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: own})
	if err != nil {
		return err
	}
	client, err := azcontainerregistry.NewClient(endpoint, cred, nil)
	if err != nil {
		return err
	}
	for pager := client.NewListRepositoriesPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, name := range page.Repositories.Names {
			fmt.Println("repository:", *name)
		}
	}
	return nil
}
