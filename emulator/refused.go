package emulator

import (
	"errors"

	"github.com/acrkit/acrkit"
)

// refused returns the error of a check with the operation that it refuses.
func refused(op string, err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Op = op
	return &out
}
