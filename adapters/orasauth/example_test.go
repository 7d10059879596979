package orasauth_test

import (
	"context"
	"fmt"
	"net/http"

	"oras.land/oras-go/v2/registry/remote"
	remoteauth "oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/adapters/orasauth"
	"github.com/acrkit/acrkit/auth"
)

// A credential from ACR_NAME, ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD in oras-go's own
// client, which may use other credentials for other registries.
//
// The registry is an emulated one of package acrtest. For a real one the options are nil,
// and the Client of remoteauth.Client is not needed.
func ExampleCredentialFunc() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	image := reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")
	variables := map[string]string{
		"ACR_NAME": reg.Host(), "ACR_TOKEN_NAME": token.Name, "ACR_TOKEN_PASSWORD": token.Password1,
	}
	source := orasauth.FromEnvironment(func(name string) (string, bool) { // a program passes os.LookupEnv
		value, ok := variables[name]
		return value, ok
	})

	repo, err := remote.NewRepository(reg.Host() + "/samples/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	repo.Client = &remoteauth.Client{
		Client:     &http.Client{Transport: reg.RoundTripper()},
		Credential: orasauth.CredentialFunc(source, &auth.Options{Base: reg.RoundTripper()}),
	}
	got, err := repo.Resolve(context.Background(), "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.Digest.String() == image.Digest)
	// Output: true
}

// A store, for programs that take one, with one credential for Azure's registries: here an
// Entra identity becomes an ACR refresh token, the password of a user name that says so.
// Other hosts get nothing.
func ExampleNewStore() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	app := reg.ServicePrincipal("AcrPull")

	source := orasauth.Always(app.Credential())
	var store credentials.Store = orasauth.NewStore(source, &auth.Options{Base: reg.RoundTripper()})
	for _, host := range []string{reg.Host(), "docker.io"} {
		credential, err := store.Get(context.Background(), host)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q %t\n", credential.Username, credential == remoteauth.EmptyCredential)
	}
	// Output:
	// "00000000-0000-0000-0000-000000000000" false
	// "" true
}
