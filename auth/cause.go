package auth

import (
	"errors"

	"github.com/acrkit/acrkit"
)

// because adds a cause to an error of usage.
func because(c acrkit.Cause, err error) error {
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		e.Cause = c
	}
	return err
}

// causeWithin returns the cause in an error; "" if it has none.
func causeWithin(err error) acrkit.Cause {
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		return e.Cause
	}
	return ""
}
