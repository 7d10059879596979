// Package refusal makes the errors of operations that the emulator refuses.
package refusal

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
)

// maxQuoted is how many bytes of a name an error shows.
const maxQuoted = 80

// Quote quotes a name for an error, and bounds it. It is not for secrets.
func Quote(s string) string {
	if len(s) > maxQuoted {
		n := maxQuoted
		for n > maxQuoted-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// Usage returns the error of an operation whose input is wrong.
func Usage(op, format string, args ...any) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf(format, args...)}
}

// NotFound returns the error for a thing that does not exist: what is its kind.
func NotFound(what, name string) error {
	return &acrkit.Error{Code: acrkit.CodeNotFound, Op: "find the " + what + " " + Quote(name), Reason: "it does not exist"}
}

// Of returns the error of a check with the operation that it refuses.
func Of(op string, err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Op = op
	return &out
}
