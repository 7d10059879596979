// Package refusal makes the errors of operations that the emulator refuses.
package refusal

import (
	"errors"
	"fmt"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wording"
)

// Usage returns the error of an operation whose input is wrong.
func Usage(op, format string, args ...any) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf(format, args...)}
}

// NotFound returns the error for a thing that does not exist: what is its kind.
func NotFound(what, name string) error {
	return &acrkit.Error{Code: acrkit.CodeNotFound, Op: "find the " + what + " " + wording.Quote(name), Reason: "it does not exist"}
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
