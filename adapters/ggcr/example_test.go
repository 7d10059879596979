package ggcr_test

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/adapters/ggcr"
	"github.com/acrkit/acrkit/auth"
)

// A keychain for Azure's registries, before others for the rest, as ko and cosign have
// them: an old Docker login does not hide the credential.
//
// The registry is an emulated one of package acrtest. For a real one the options are nil,
// and remote.WithTransport is not needed.
func ExampleKeychain() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")

	cred := auth.ScopedToken(token.Name, token.Password1)
	keychain := authn.NewMultiKeychain(
		ggcr.Keychain(ggcr.Always(cred), &auth.Options{Base: reg.RoundTripper()}),
		authn.DefaultKeychain,
	)

	ref, err := name.ParseReference(reg.Host() + "/samples/app:v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	manifest, err := remote.Head(ref, remote.WithAuthFromKeychain(keychain), remote.WithTransport(reg.RoundTripper()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(manifest.MediaType)
	// Output: application/vnd.oci.image.manifest.v1+json
}

// The credential from ACR_NAME, ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD. Every other
// registry gets none.
func ExampleFromEnvironment() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")
	variables := map[string]string{
		"ACR_NAME": reg.Host(), "ACR_TOKEN_NAME": token.Name, "ACR_TOKEN_PASSWORD": token.Password1,
	}
	lookup := func(name string) (string, bool) { // a program passes os.LookupEnv
		value, ok := variables[name]
		return value, ok
	}
	keychain := ggcr.Keychain(ggcr.FromEnvironment(lookup), &auth.Options{Base: reg.RoundTripper()})

	for _, host := range []string{reg.Host(), "other.azurecr.io", "docker.io"} {
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
	// ""
}
