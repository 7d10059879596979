// Command oras prints the tags of a repository, one a line, with the name and
// password of a scope-mapped token and oras-go.
//
//	export ACR_NAME=myregistry ACR_TOKEN_NAME=ci-pull ACR_TOKEN_PASSWORD=…
//	go run ./examples/oras samples/app
//
// The same few lines work for push and copy: give the repository's Client a transport of
// package auth, and no credential of its own.
//
// It exits 0 when the list is complete, 2 on wrong usage, and 1 with one line on
// standard error on any other failure.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"

	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit/auth"
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
			"usage: oras REPOSITORY, with ACR_NAME, ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD in the environment")
		return 2
	}
	if err := list(ctx, registry, auth.ScopedToken(name, password), args[0], stdout); err != nil {
		fmt.Fprintln(stderr, "oras:", err)
		return 1
	}
	return 0
}

func list(ctx context.Context, registry string, cred auth.Credential, repository string, stdout io.Writer) error {
	rt, err := auth.NewTransport(registry, cred, nil)
	if err != nil {
		return err
	}
	defer rt.Close()
	repo, err := remote.NewRepository(rt.Registry().Host() + "/" + repository)
	if err != nil {
		return err
	}
	repo.Client = &http.Client{Transport: rt}
	return repo.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if _, err := fmt.Fprintln(stdout, tag); err != nil {
				return err
			}
		}
		return nil
	})
}
