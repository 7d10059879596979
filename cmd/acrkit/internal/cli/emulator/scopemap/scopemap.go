// Package scopemap holds "acrkit emulator scope-map".
package scopemap

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

// NewCmdScopeMap returns "emulator scope-map" with its verbs.
func NewCmdScopeMap(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "scope-map <command>",
		Short: "List and replace scope maps of a running emulator",
		Long: "List and replace scope maps of a running emulator. Tokens that have one have its new\nrights with " +
			"the next request.",
	})
	c := target.AddFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	cmd.AddCommand(newCmdList(c), newCmdSet(c), newCmdDelete(c))
	return cmd
}
