package emulator

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

// newCmdNetwork returns "emulator network" with its verbs.
func newCmdNetwork(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "network <command>",
		Short: "Change a running emulator's network rules",
		Long:  "Change which addresses a running emulator's registry allows. Others get 403 from its data\nplane and its token service, as from the service's firewall.",
	})
	c := addControlFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	add := func(use, short, long, example string, args cobra.PositionalArgs, action string) {
		cmd.AddCommand(&cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
			RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
				change := control.RegistryChange{Network: &control.Network{DefaultAction: action, IPRules: args}}
				_, err := cl.ChangeRegistry(cmd.Context(), c.registry(), change)
				return err
			})})
	}
	add("deny", "Deny all clients", "Deny all clients.", "$ acrkit emulator network deny", cmdutil.NoArgs, "Deny")
	add("only <address>...", "Allow only these addresses", "Allow only these addresses and networks.",
		"$ acrkit emulator network only 192.0.2.7 198.51.100.0/24", cobra.MinimumNArgs(1), "Deny")
	add("allow", "Allow all clients", "Allow all clients.", "$ acrkit emulator network allow", cmdutil.NoArgs, "Allow")
	return cmd
}
