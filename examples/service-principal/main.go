// Command service-principal prints the repositories of a registry, one name a
// line, signed in as a service principal, with Microsoft's own Go client.
//
//	export ACR_NAME=myregistry AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…
//	go run ./examples/service-principal
//
// AZURE_* values are a service principal's. The name and password of a
// scope-mapped token are something else: see examples/scoped-token.
//
// It exits 0 when the list is complete, 2 when a variable is missing, and 1 with
// one line on standard error on any other failure.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit/auth/azureauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, getenv func(string) string, stdout, stderr io.Writer) int {
	env := map[string]string{}
	for _, name := range []string{"ACR_NAME", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"} {
		env[name] = getenv(name)
		if env[name] == "" {
			fmt.Fprintln(stderr, "service-principal: set", name)
			return 2
		}
	}
	if err := list(ctx, env, getenv("AZURE_AUTHORITY_HOST") != "", stdout); err != nil {
		fmt.Fprintln(stderr, "service-principal:", err)
		return 1
	}
	return 0
}

func list(ctx context.Context, env map[string]string, ownAuthority bool, stdout io.Writer) error {
	principal, err := azidentity.NewClientSecretCredential(env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"],
		env["AZURE_CLIENT_SECRET"],
		&azidentity.ClientSecretCredentialOptions{
			// An emulator or a private cloud is unknown to Microsoft's list of authorities.
			DisableInstanceDiscovery: ownAuthority,
		})
	if err != nil {
		return err
	}
	client, err := azureauth.NewContainerRegistryClient(env["ACR_NAME"], azureauth.Credential(principal, nil), nil)
	if err != nil {
		return err
	}
	pager := client.NewListRepositoriesPager(nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return azureauth.AsError("list the repositories", err)
		}
		for _, name := range page.Names {
			if _, err := fmt.Fprintln(stdout, *name); err != nil {
				return err
			}
		}
	}
	return nil
}
