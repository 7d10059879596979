// Package emulator is an Azure Container Registry for development and tests: one
// [net/http.Handler] that is Entra authority, Azure Resource Manager (read only), token
// service and registry at once, and that refuses like ACR as well as it grants.
//
//	s, err := seed.Read(file)
//	…
//	e, err := emulator.Open(ctx, &emulator.Options{DataDir: "acr", Seed: s})
//	…
//	defer e.Close()
//	err = e.Serve(ctx, listener) // HTTP and TLS on one port, until ctx ends
//
// Go tests use [github.com/acrkit/acrkit/acrtest], which does this in one line and has ready
// clients.
//
//   - [github.com/acrkit/acrkit/emulator/seed] describes what it holds at the start:
//     registries, images, scope maps, tokens, applications.
//   - [Emulator.Registry] returns a [Registry], which makes scope maps, tokens, passwords
//     and role assignments, and changes settings.
//   - [Emulator.AddFault], [Emulator.Clock] and [Emulator.SetRateLimits] make failures of
//     the cloud; [Emulator.TakeSnapshot] and [Emulator.Reset] keep and restore the state.
//   - [Emulator.Decisions] is the log of what was granted and refused, and why.
//
// With [Options.DataDir] the state is on disk, and what was acknowledged survives a crash;
// without it, in memory. The emulator listens on loopback only, unless
// [Options.BeyondLoopback] is set.
//
// It is not a production registry. docs/fidelity.md says of each behaviour whether it is
// recorded of the service, documented by Microsoft, or believed. The emulator gives no
// signal that the service is not known to give: a wrong, expired or disabled password is
// answered like an unknown name, and only the log has the reason.
package emulator
