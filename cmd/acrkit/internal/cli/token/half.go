package token

import (
	"errors"

	"github.com/acrkit/acrkit"
)

// halfDone is an error of a change in several steps: it says what was done, and has one
// command that cleans up or goes on.
func halfDone(err error, reg acrkit.Registry, done, fix string) error {
	out := acrkit.Error{Op: "complete the change", Registry: reg, Errs: []error{err}}
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		out.Code, out.Cause, out.RetryAfter = e.Code, e.Cause, e.RetryAfter
	}
	out.Reason, out.Hint = err.Error()+"; "+done, fix
	return &out
}
