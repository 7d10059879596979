package network

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

func newCmdOnly(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "only <address>...", Short: "Allow only these addresses", Long: "Allow only these addresses and networks.",
		Example: "$ acrkit emulator network only 192.0.2.7 198.51.100.0/24", Args: cobra.MinimumNArgs(1),
	}, "Deny")
}
