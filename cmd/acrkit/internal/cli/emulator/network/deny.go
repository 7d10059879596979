package network

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

func newCmdDeny(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "deny", Short: "Deny all clients", Long: "Deny all clients.",
		Example: "$ acrkit emulator network deny", Args: cmdutil.NoArgs,
	}, "Deny")
}
