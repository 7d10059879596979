package acrtest

import (
	"fmt"
	"io"
	"log/slog"
)

// Format prints the same as String, for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue is String, for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText is String, for every encoder that asks.
//
//rule:printing-marshal-text
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Format prints the same as String, for every verb.
func (p ServicePrincipal) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is String, for slog.
func (p ServicePrincipal) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText is String, for every encoder that asks.
func (p ServicePrincipal) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Format prints where the registry is, for every verb: a dump of its fields
// would read what its connections are writing.
func (r *Registry) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "acrtest.Registry(%s)", r.Host())
}

// LogValue is what Format prints, for slog.
func (r *Registry) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }
