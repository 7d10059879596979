package seed

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password, a client secret or a key. It prints as a placeholder in every
// format; convert it to a string to use it.
type Secret string

const redacted = "[secret]"

// String returns a placeholder.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns a placeholder.
func (s Secret) GoString() string { return s.String() }

// Format writes a placeholder, for every verb.
//
//rule:printing-format-2
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) } // fmt.State has no way to fail

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a placeholder, so that a seed written as JSON or YAML gives nothing
// away.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
