// Command importer answers in Docker's credential-helper protocol through package
// credhelper.
package main

import (
	"context"
	"os"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper"
)

func main() {
	helper := credhelper.New(credhelper.Options{
		Connect: func(_ context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport, error) {
			if cred == nil {
				cred = auth.ScopedToken(os.Getenv("ACR_TOKEN_NAME"), os.Getenv("ACR_TOKEN_PASSWORD"))
			}
			return auth.NewTransport(reg.Host(), cred, nil)
		},
	})
	os.Exit(helper.Docker(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
