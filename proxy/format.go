package proxy

import (
	"fmt"
	"log/slog"
)

// Format prints the handler's registry for every verb, so that no dump shows a key.
func (h *Handler) Format(f fmt.State, _ rune) {
	//rule:printing-format-6
	_, _ = fmt.Fprintf(f, "proxy.Handler(%s)", h.upstream.Registry())
}

// LogValue is what Format prints.
func (h *Handler) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(h)) }
