package plant_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/acrkit/acrkit/internal/redact"
)

// TestLog leaks in a log of a package of tests, which has a tap of its own.
func TestLog(_ *testing.T) {
	slog.New(slog.NewTextHandler(io.Discard, nil)).Info("x", "v",
		redact.NewSecret("plant-text-log-0123456789").Reveal())
}
