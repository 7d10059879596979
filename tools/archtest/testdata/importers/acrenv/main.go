// Command importer asks the helper that takes docker-credential-acr-env's place, as
// ko and cosign do.
package main

import (
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/acrkit/acrkit/adapters/acrenv/pkg/credhelper"
)

func main() {
	reg, err := name.NewRegistry(os.Getenv("ACR_NAME"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	found, err := authn.NewKeychainFromHelper(credhelper.NewACRCredentialsHelper()).Resolve(reg)
	fmt.Println(found != authn.Anonymous, err)
}
