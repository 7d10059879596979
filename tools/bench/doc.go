// Command bench measures the emulator beside other registries: CNCF distribution
// and crane's registry, each a process of its own on loopback, on one machine, in
// interleaved rounds.
//
//	cd tools/bench && go run .              # about ten minutes; prints the tables
//	cd tools/bench && go run . -write ../../docs/benchmarks.md
//	cd tools/bench && go run . -growth 1000000 -write ../../docs/benchmarks.md
//	cd tools/bench && go run . -proxy -write ../../docs/benchmarks.md
//
// What is compared are ratios within one run, round by round: the same server
// differs by more than twice between two runs on a shared machine. All servers
// are asked by the same client code (client.go), over plain HTTP. The emulator is
// the real command with its state on disk and synced; every request to it carries
// an access token, which it checks, with the scope map, each time. The others ask
// for no credential and sync nothing.
//
// It installs the other servers once, into a cache folder, and ends with all
// processes that it started ended.
package main
