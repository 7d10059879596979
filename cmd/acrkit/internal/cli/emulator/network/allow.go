package network

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

func newCmdAllow(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "allow", Short: "Allow all clients", Long: "Allow all clients.",
		Example: "$ acrkit emulator network allow", Args: cmdutil.NoArgs,
	}, "Allow")
}
