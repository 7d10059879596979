// Package fault has the failures that the emulator makes on request, as values: what
// a fault does to which requests. An emulator makes them ([AddFault]).
//
// [AddFault]: https://pkg.go.dev/github.com/acrkit/acrkit/emulator#Emulator.AddFault
package fault
