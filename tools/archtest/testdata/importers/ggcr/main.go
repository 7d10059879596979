// Command importer asks package ggcr's keychain, as go-containerregistry does.
package main

import (
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/acrkit/acrkit/adapters/ggcr"
)

func main() {
	reg, err := name.NewRegistry(os.Getenv("ACR_NAME"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	found, err := authn.NewMultiKeychain(ggcr.Keychain(ggcr.FromEnvironment(os.LookupEnv), nil)).Resolve(reg)
	fmt.Println(found != authn.Anonymous, err)
}
