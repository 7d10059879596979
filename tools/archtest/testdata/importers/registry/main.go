// Command importer lists the tags of a repository with the typed client.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/registry"
)

func main() {
	rt, err := auth.NewTransport(os.Getenv("ACR_NAME"),
		auth.ScopedToken(os.Getenv("ACR_TOKEN_NAME"), os.Getenv("ACR_TOKEN_PASSWORD")), nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	client, err := registry.New(os.Getenv("ACR_NAME"), rt, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for tag, err := range client.Tags(context.Background(), "samples/app", nil) {
		fmt.Println(tag.Name, err)
	}
}
