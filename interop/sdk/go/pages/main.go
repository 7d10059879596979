// Command pages lists a repository in pages of two, its tags from the newest and its manifests from the oldest, and
// counts the tags of another repository.
//
//	AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... \
//	  go run ./pages https://myregistry.azurecr.io team/app team/other
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

func main() {
	if err := list(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(ctx context.Context, endpoint, repository, other string) error {
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
	two := int32(2)
	newest := azcontainerregistry.ArtifactTagOrderByLastUpdatedOnDescending
	byTime := &azcontainerregistry.ClientListTagsOptions{OrderBy: &newest, MaxNum: &two}
	for pager := client.NewListTagsPager(repository, byTime); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		fmt.Print("tags:")
		for _, tag := range page.Tags {
			fmt.Print(" ", *tag.Name)
		}
		fmt.Println()
	}
	oldest := azcontainerregistry.ArtifactManifestOrderByLastUpdatedOnAscending
	options := &azcontainerregistry.ClientListManifestsOptions{OrderBy: &oldest, MaxNum: &two}
	for pager := client.NewListManifestsPager(repository, options); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		fmt.Print("manifests:")
		for _, manifest := range page.Manifests.Attributes {
			fmt.Print(" ", *manifest.Digest)
		}
		fmt.Println()
	}
	count := 0
	for pager := client.NewListTagsPager(other, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		count += len(page.Tags)
	}
	fmt.Println("other tags:", count)
	return nil
}
