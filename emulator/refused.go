package emulator

import (
	"errors"
	"fmt"

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

// quote quotes a name, not a secret, for an error, and bounds it.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}
