// Package tag holds the "acrkit tag" commands.
package tag

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdTag returns the noun with its verbs.
func NewCmdTag(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "tag <command>", Short: "Work with tags"})
	cmd.AddCommand(newCmdList(f, nil))
	return cmd
}
