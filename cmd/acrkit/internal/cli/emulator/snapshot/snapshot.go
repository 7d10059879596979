// Package snapshot holds "acrkit emulator snapshot".
package snapshot

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

// NewCmdSnapshot returns "emulator snapshot" with its verbs.
func NewCmdSnapshot(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "snapshot <command>",
		Short: "Take snapshots of a running emulator's state",
		Long: "Take snapshots of a running emulator's state, to go back to with \"acrkit emulator reset\":\n" +
			"content, settings, tokens, scope maps, passwords. They outlive a restart where there is a\n" +
			"data folder. The one called seed is taken when a seed is applied.",
	})
	c := target.AddFlags(cmd, f)
	cmd.AddCommand(newCmdList(c), newCmdCreate(c), newCmdDelete(c))
	return cmd
}
