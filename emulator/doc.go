// Package emulator is an Azure Container Registry for development and tests: one
// [net/http.Handler] that is Entra authority, ARM (read only), token service and
// registry at once, and that refuses like ACR as well as it grants.
//
//	s, err := seed.Read(file)
//	…
//	e, err := emulator.Open(ctx, &emulator.Options{Seed: s})
//	…
//	err = e.Serve(ctx, listener) // HTTP and TLS on one port
//
// It is for development and rehearsal, not a production registry. Tests will
// rather use package acrtest.
//
// What the emulator does is written down behaviour by behaviour in
// docs/fidelity.md, each marked as recorded of the service, documented by
// Microsoft, or believed. It gives no signal that the service is not known to
// give: a wrong, expired or disabled password is answered like an unknown name.
// The true reason is in the decision log, [Emulator.Decisions].
package emulator
