// Package sink delivers a token's password to the places from which programs read it: a
// file, Docker's configuration, or any command that takes it on its standard input.
//
// [Parse] reads a sink as a user writes it. A password is in no error, log, argument or
// environment variable; files are for their owner alone, and are replaced whole.
package sink
