// Command importer lists the tags of a repository with Microsoft's client, and
// prints their number and the modules that are in the program.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

func main() {
	client, err := azureauth.NewContainerRegistryClient(os.Getenv("ACR_NAME"),
		auth.ScopedToken(os.Getenv("ACR_TOKEN_NAME"), os.Getenv("ACR_TOKEN_PASSWORD")), nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	page, err := client.NewListTagsPager("samples/app", nil).NextPage(context.Background())
	if err != nil {
		fmt.Println(azureauth.AsError("list tags", err))
		os.Exit(1)
	}
	fmt.Println(len(page.Tags))
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		fmt.Println(dep.Path)
	}
}
