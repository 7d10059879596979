package token

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdDisable(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "disable <name>", Short: "Disable a token",
		Long:    "Disable a token. Access tokens that it has are refused at once.",
		Example: "$ acrkit emulator token disable ci-pull",
	}, setStatus(c, control.Disabled))
}
