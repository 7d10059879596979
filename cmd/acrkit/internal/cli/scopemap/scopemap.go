// Package scopemapcmd holds the "acrkit scope-map" commands.
package scopemapcmd

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdScopeMap returns the noun with its verbs.
func NewCmdScopeMap(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "scope-map <command>", Short: "Check and compare scope maps"})
	cmd.AddCommand(newCmdLint(f, nil))
	cmd.AddCommand(newCmdDiff(f, nil))
	return cmd
}
