package credhelper_test

import (
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/acrkit/acrkit/adapters/acrenv/pkg/credhelper"
)

// A keychain from the environment, as programs make it of docker-credential-acr-env: only
// the import path differs. Here the environment has a scope-mapped token.
func ExampleNewACRCredentialsHelper() {
	for variable, value := range map[string]string{
		"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci-pull", "ACR_TOKEN_PASSWORD": "the-password",
	} {
		if err := os.Setenv(variable, value); err != nil {
			fmt.Println(err)
			return
		}
		defer os.Unsetenv(variable)
	}

	keychain := authn.NewMultiKeychain(
		authn.NewKeychainFromHelper(credhelper.NewACRCredentialsHelper()),
		// and those of other clouds
	)
	for _, host := range []string{"myregistry.azurecr.io", "docker.io"} {
		registry, err := name.NewRegistry(host)
		if err != nil {
			fmt.Println(err)
			return
		}
		authenticator, err := keychain.Resolve(registry)
		if err != nil {
			fmt.Println(err)
			return
		}
		config, err := authenticator.Authorization()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q\n", config.Username)
	}
	// Output:
	// "ci-pull"
	// ""
}
