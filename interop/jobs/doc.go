// Package jobs finds the least rights that a job needs, with the real client.
//
// A job is what one client does once: a push, a copy, a scan. Each is run against a registry
// of its own with a token that may do everything, and the rights that its requests required
// are read from the decision log. Then it is run again, each time against a new registry,
// with a token that has just these rights, which must work, and with a token that lacks one
// of them, which must fail because of it. A right without which the client does what it was
// asked to do is optional: the job declares it, with the line in which the client's own log
// shows the fall-back.
//
// What is found is compared with the table of package scopemap, which "acrkit scope-map
// generate" reads; with -update it is written there. The usual run has a few jobs; all of them
// need more programs and some minutes:
//
//	go test -C interop/jobs . -args -all
package jobs
