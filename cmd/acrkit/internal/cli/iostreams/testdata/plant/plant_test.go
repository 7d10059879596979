// Package plant leaks a secret in the output of a command, for tools/leakcheck to find. It
// is in testdata so that it does not run with the suite.
package plant

import (
	"io"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestPlant(_ *testing.T) {
	streams, _, _, _ := iostreams.Test()
	_, _ = io.WriteString(streams.Out, redact.NewSecret("plant/+output<&>\"0123456789=").Reveal())
}
