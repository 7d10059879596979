// Package token holds the "acrkit token" commands.
package token

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdToken returns the noun with its verbs.
func NewCmdToken(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "token <command>", Short: "Work with scope-mapped tokens"})
	cmd.AddCommand(
		newCmdList(f, nil),
		newCmdView(f, nil),
		newCmdStatus(f, nil),
		newCmdCreate(f, nil),
		newCmdEdit(f, nil),
		newCmdDisable(f, nil),
		newCmdEnable(f, nil),
		newCmdDelete(f, nil),
		newCmdRotate(f, nil),
		newCmdRevoke(f, nil),
	)
	return cmd
}

// tokenArg is what an argument is in messages.
const tokenArg = "a token"
