package diagnose

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"github.com/acrkit/acrkit/internal/redact"
)

// String returns the method, the URL as far as it may be shown, and the status.
// What was sent and answered may hold secrets.
func (x Exchange) String() string {
	shown := redact.Mark
	if u, err := url.Parse(x.URL); err == nil {
		shown = redact.URL(u)
	}
	return fmt.Sprintf("%s %s: %d", redact.Text(x.Method), shown, x.Status)
}

// Format prints the same as String for every verb.
//
//rule:printing-format-8
func (x Exchange) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, x.String()) }

// LogValue is String, for slog.
func (x Exchange) LogValue() slog.Value { return slog.StringValue(x.String()) }

// MarshalText is String, for every encoder that asks.
func (x Exchange) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// String returns the registry and the exchange. The text of a client and errors
// that are not of this module may hold secrets.
func (a Attempt) String() string {
	s := "attempt at " + cmp.Or(a.Registry.String(), "a registry that is not known")
	if a.Exchange != nil {
		s += ": " + a.Exchange.String()
	}
	return s
}

// Format prints the same as String for every verb.
//
//rule:printing-format-9
func (a Attempt) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue is String, for slog.
func (a Attempt) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText is String, for every encoder that asks.
func (a Attempt) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
