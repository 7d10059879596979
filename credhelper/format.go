package credhelper

import (
	"fmt"
	"io"
	"log/slog"
)

// Format prints the helper's name for every verb: a dump of its settings would show what
// [Options.Logins] holds.
//
//rule:printing-format-7
func (h *Helper) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credhelper.Helper("+h.opts.Name+")")
}

// LogValue is what Format prints.
func (h *Helper) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(h)) }
