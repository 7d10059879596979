// Command release is what builds and checks a release beside goreleaser: one version in
// every manifest, and the container images, which need no container engine. Its tests
// check the artefacts of a build (-dist), and install the command from a file system of
// modules as "go install …@vX.Y.Z" does.
//
//	release version [X.Y.Z]   print the version that all manifests agree on, or set it
//	release images DIST OUT   make the container images of the binaries that goreleaser left in DIST
//
// It runs in tools/release, with: go run -C tools/release .
// docs/release.md says how a maintainer publishes.
package main

import (
	"fmt"
	"os"
)

// root is the repository, for "go run -C tools/release".
const root = "../.."

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		version, err := Version(root)
		if err != nil {
			return err
		}
		fmt.Println(version)
		return nil
	case len(args) == 2 && args[0] == "version":
		return SetVersion(root, args[1])
	case len(args) == 3 && args[0] == "images":
		return WriteImages(args[1], args[2])
	}
	return fmt.Errorf("usage: release version [X.Y.Z] | release images DIST OUT")
}
