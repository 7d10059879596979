// Package seed describes what an emulator holds when it starts: Entra tenants and
// applications, subscriptions, and registries with their repositories, scope maps and
// tokens. A seed is a YAML file, or the same written in Go.
//
//	s, err := seed.Read(file)
//	if err != nil {
//		return err // everything that is wrong, with its line
//	}
//	e, err := emulator.Open(ctx, &emulator.Options{Seed: s})
//
// [Seed] and the types in it have the fields of the file. [Seed.Check] reports what could
// not exist in ACR, [Example] is a file to start from, and [Schema] the JSON schema of seed
// files, for editors.
//
// A seed has no content but generated images: push what else a registry should hold.
package seed
