// Command importer asks package orasauth for a credential, as oras-go's client does.
package main

import (
	"context"
	"fmt"
	"os"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/acrkit/acrkit/adapters/orasauth"
)

func main() {
	client := &auth.Client{Credential: orasauth.CredentialFunc(orasauth.FromEnvironment(os.LookupEnv), nil)}
	found, err := client.Credential(context.Background(), os.Getenv("ACR_NAME"))
	fmt.Println(found != auth.EmptyCredential, err)
}
