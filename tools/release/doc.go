// Package release is what builds and checks a release beside goreleaser: one version in
// every manifest, and the container images, which need no container engine. Its tests
// check the artefacts of a build (-dist), and install the command from a file system of
// modules as "go install …@vX.Y.Z" does.
//
// docs/release.md says how a maintainer publishes.
package release
