// Command vault signs in to Key Vault, another service than the registry.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func main() {
	token, err := signIn(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(token)
}

func signIn(ctx context.Context) (string, error) {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return "", err
	}
	token, err := credential.GetToken(ctx,
		policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
	return token.Token, err
}
