// Command release prepares a release: see docs/release.md.
//
//	release version [X.Y.Z]   print the version that all manifests agree on, or set it
//	release images DIST OUT   make the container images of the binaries that goreleaser left in DIST
//
// It runs in tools/release, with: go run -C tools/release ./cmd
package main

import (
	"fmt"
	"os"

	"github.com/acrkit/acrkit/tools/release"
)

// root is the repository, for "go run -C tools/release".
const root = "../.."

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		version, err := release.Version(root)
		if err != nil {
			return err
		}
		fmt.Println(version)
		return nil
	case len(args) == 2 && args[0] == "version":
		return release.SetVersion(root, args[1])
	case len(args) == 3 && args[0] == "images":
		return release.WriteImages(args[1], args[2])
	}
	return fmt.Errorf("usage: release version [X.Y.Z] | release images DIST OUT")
}
