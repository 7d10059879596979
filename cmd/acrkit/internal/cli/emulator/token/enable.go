package token

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdEnable(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "enable <name>", Short: "Enable a token",
		Long:    "Enable a token that was disabled.",
		Example: "$ acrkit emulator token enable ci-pull",
	}, setStatus(c, control.Enabled))
}
