// The flux command lists, pushes and pulls artifacts by the library of the flux command and
// of Flux's controllers, github.com/fluxcd/pkg/oci:
//
//	flux list|push|pull REPOSITORY
//
// list prints the tags and their digests, as for an image policy; push pushes the folder
// "source" with the tag v1, and pull writes it to the folder "out". The credential is Docker's.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/pkg/oci"
)

// limit bounds a run.
const limit = 2 * time.Minute

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: flux list|push|pull REPOSITORY")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb, repository string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client := oci.NewClient(oci.DefaultOptions())
	switch verb {
	case "list":
		all, err := client.List(ctx, repository, oci.ListOptions{})
		for _, m := range all {
			fmt.Println(m.URL, m.Digest)
		}
		return err
	case "push":
		url, err := client.Push(ctx, repository+":v1", "source", oci.WithPushMetadata(oci.Metadata{
			Source: "https://example.com/team/app", Revision: "main@sha1:0000000000000000000000000000000000000000"}))
		fmt.Println(url)
		return err
	default:
		m, err := client.Pull(ctx, repository+":v1", "out")
		if m != nil {
			fmt.Println(m.Digest)
		}
		return err
	}
}
