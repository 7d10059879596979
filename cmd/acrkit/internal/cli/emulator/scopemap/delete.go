package scopemap

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdDelete(c *target.Target) *cobra.Command {
	return &cobra.Command{
		Use: "delete <name>", Short: "Delete a scope map",
		Long:    "Delete a scope map. Tokens that have it have no rights then.",
		Example: "$ acrkit emulator scope-map delete ci-pull", Args: cmdutil.ExactArgs(1, "a scope map's name"),
		ValidArgsFunction: c.Complete(target.ScopeMapNames),
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			return cl.DeleteScopeMap(cmd.Context(), c.Registry(), args[0])
		}),
	}
}
