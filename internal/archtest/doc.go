// Package archtest holds the module's structure by tests: which package may
// import which, and what comes along when others import ours.
package archtest
