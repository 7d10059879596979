// Command tags lists the tags of a repository, and says nothing of how it signs in.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

func main() {
	credential := must(azidentity.NewDefaultAzureCredential(nil))
	client := must(azcontainerregistry.NewClient("https://"+os.Getenv("ACR_NAME"), credential, nil))
	for pages := client.NewListTagsPager(os.Args[1], nil); pages.More(); {
		for _, tag := range must(pages.NextPage(context.Background())).Tags {
			fmt.Println(*tag.Name)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
