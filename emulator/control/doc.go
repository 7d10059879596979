// Package control has the documents of the emulator's control API, and a client for it.
//
// The control API has what a test asks of an emulator and no registry has: the decision
// log, the clock, faults, snapshots, and changes of tokens and scope maps. [OpenAPI]
// describes it.
//
//	c, err := control.NewClient("https://localhost:5443", key, &control.Options{Base: transport})
//	…
//	_, err = c.AdvanceClock(ctx, time.Hour)
//
// The key is in the file [KeyFile] of the emulator's data folder. A test in Go needs no
// control API: package emulator has the same as methods.
package control

import _ "embed"

const (
	// Prefix is the path below which the control API is.
	Prefix = "/_acrkit/v1/"
	// Header is the header of a request that holds the key.
	Header = "Acrkit-Control-Key"
	// KeyFile is the file in the data folder that holds the key.
	KeyFile = "control-api.key"
	// Server is the Server header of each answer below [Prefix], also of a refusal. By it
	// a client without the key recognizes an emulator.
	Server = "acrkit-emulator"
)

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the description of the control API (OpenAPI 3.1, YAML).
func OpenAPI() string { return openAPI }
