// Package network holds "acrkit emulator network".
package network

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

// NewCmdNetwork returns "emulator network" with its verbs.
func NewCmdNetwork(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "network <command>",
		Short: "Change a running emulator's network rules",
		Long: "Change which addresses a running emulator's registry allows. Others get 403 from its data\nplane and " +
			"its token service, as from the service's firewall.",
	})
	c := target.AddFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	cmd.AddCommand(newCmdDeny(c), newCmdOnly(c), newCmdAllow(c))
	return cmd
}

// verb returns a verb that replaces the rules: what is done with the clients that are
// not among the arguments.
func verb(c *target.Target, cmd *cobra.Command, action string) *cobra.Command {
	cmd.RunE = c.Run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
		change := control.RegistryChange{Network: &control.Network{DefaultAction: action, IPRules: args}}
		_, err := cl.ChangeRegistry(cmd.Context(), c.Registry(), change)
		return err
	})
	return cmd
}
