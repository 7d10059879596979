package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Finding is a secret in a place where none belongs.
type Finding struct {
	Package  string // of the tests that ran
	Place    string // "stdout", "argv", "log", "error", "output", or a file's path
	Mode     string // of a file, as it was created; "" where that is not known
	Program  string // the process's name, at most 15 characters
	Spelling string // raw, base64, base64url, percent, hex, json; or token, private key
	Secret   string // shortened
	Context  string // the text around it, the secret itself left out
}

// String returns the finding as one line.
func (f Finding) String() string {
	place := f.Place
	if f.Mode != "" {
		place += " (mode " + f.Mode + ")"
	}
	return fmt.Sprintf("%s: %s of %s holds %s as %s: %s", f.Package, place, f.Program, f.Secret, f.Spelling, f.Context)
}

// shorten keeps a secret recognisable for the test's author, and useless to
// others.
func shorten(s string) string {
	const shown = 6
	if len(s) <= 2*shown {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q (%d characters)", s[:shown]+"…", len(s))
}

// Unique sorts findings and leaves out repeated ones.
func Unique(all []Finding) []Finding {
	key := func(f Finding) string {
		return strings.Join([]string{f.Package, f.Place, f.Program, f.Spelling, f.Secret}, "\x00")
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(key(a), key(b)) })
	return slices.CompactFunc(all, func(a, b Finding) bool { return key(a) == key(b) })
}
