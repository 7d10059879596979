package token

import (
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

func TestRotateJSONFields(t *testing.T) {
	clitest.JSONFields(t, newCmdRotate(clitest.Factory(nil), nil), "name", "owner", "status", "reason", "error", "step",
		"slot", "created", "expires", "acceptedAfter", "sinks", "retired", "retireAfter")
}
