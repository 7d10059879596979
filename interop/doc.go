// Package interop runs clients of other projects (docker, podman, buildah, skopeo,
// oras, crane, regctl, helm, az, Terraform, Microsoft's SDKs, the OCI distribution
// conformance suite) against the emulator as a user starts it: the command's own binary, TLS
// with the emulator's own CA, a scope-mapped token's name and password. They log in
// with that password, by the credential helper, through the proxy and below "acrkit
// run". Each is also refused what its scope map does not grant. The tests compare
// the client's own words, and the raw answer with what ACR sends: status, headers,
// body.
//
// The tests build the commands from the module above. A client that is missing
// fails its test where CI is set, and is skipped by name elsewhere; docker needs
// root, for a daemon of the tests' own. What was seen is printed as a table and
// compared with the committed one (docs/tested-clients.md); what each client says
// when it is refused is compared with captures/. With -update both are written.
package interop
