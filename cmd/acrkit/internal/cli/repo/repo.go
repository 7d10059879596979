// Package repo holds the "acrkit repo" commands.
package repo

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdRepo returns the noun with its verbs.
func NewCmdRepo(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "repo <command>", Short: "Work with repositories"})
	cmd.AddCommand(newCmdList(f, nil), newCmdView(f, nil))
	return cmd
}
