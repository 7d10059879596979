// Command scoped-token prints the tags of a repository, one a line, with the name
// and password of a scope-mapped token and Microsoft's own Go client.
//
//	export ACR_NAME=myregistry ACR_TOKEN_NAME=ci-pull ACR_TOKEN_PASSWORD=…
//	go run ./examples/scoped-token samples/app
//
// The token's scope map needs metadata/read on the repository: content/read, which
// is enough to pull, does not list tags.
//
// It exits 0 when the list is complete, 2 on wrong usage, and 1 with one line on
// standard error on any other failure.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	registry, name, password := getenv("ACR_NAME"), getenv("ACR_TOKEN_NAME"), getenv("ACR_TOKEN_PASSWORD")
	if len(args) != 1 || registry == "" || name == "" || password == "" {
		fmt.Fprintln(stderr,
			"usage: scoped-token REPOSITORY, with ACR_NAME, ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD in the environment")
		return 2
	}
	if err := list(ctx, registry, auth.ScopedToken(name, password), args[0], stdout); err != nil {
		fmt.Fprintln(stderr, "scoped-token:", err)
		return 1
	}
	return 0
}

func list(ctx context.Context, registry string, cred auth.Credential, repository string, stdout io.Writer) error {
	client, err := azureauth.NewContainerRegistryClient(registry, cred, nil)
	if err != nil {
		return err
	}
	pager := client.NewListTagsPager(repository, nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return azureauth.AsError(fmt.Sprintf("list the tags of %q", repository), err)
		}
		for _, tag := range page.Tags {
			if _, err := fmt.Fprintln(stdout, *tag.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
