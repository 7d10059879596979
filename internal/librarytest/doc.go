// Package librarytest has the tests of acrkit, scopemap, auth and registry that need
// modules of others: an emulator, other clients, generated input. They are not beside
// the code because go mod tidy adds the modules of a package's tests to the go.sum of
// everyone who imports the package.
package librarytest
