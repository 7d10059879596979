package emulator

import (
	"fmt"
	"log/slog"
)

// Format prints the type's name, for every verb: a dump of its fields
// would show the key of the control API.
//
//rule:printing-format-5
func (e *Emulator) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "emulator.Emulator") }

// LogValue is what Format prints.
func (e *Emulator) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(e)) }

// Format prints the registry's name, for every verb.
func (r *Registry) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "emulator.Registry(%s)", r.Name())
}

// LogValue is what Format prints.
func (r *Registry) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }
