// Package interop drives real clients that nobody here wrote (oras, crane,
// skopeo, podman, regctl, the OCI distribution conformance suite) against the
// emulator as a user starts it: the command's own binary, TLS with the emulator's
// own CA, a scope-mapped token's name and password. Each client is also refused
// what its scope map does not grant, and beside the client's own words the raw
// answer is held against what ACR sends: status, headers, body.
//
// The tests build the command from the module above. A client that is missing
// fails its test where CI is set, and is skipped by name elsewhere. What was seen
// is printed as a table and written to results/.
package interop
