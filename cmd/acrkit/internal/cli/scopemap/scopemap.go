// Package scopemapcmd holds the "acrkit scope-map" commands.
package scopemapcmd

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdScopeMap returns the noun with its verbs.
func NewCmdScopeMap(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "scope-map <command>", Short: "Work with scope maps"})
	cmd.AddCommand(
		newCmdList(f, nil),
		newCmdView(f, nil),
		newCmdCreate(f, nil),
		newCmdEdit(f, nil),
		newCmdDelete(f, nil),
		newCmdLint(f, nil),
		newCmdDiff(f, nil),
		newCmdSuggest(f, nil),
		newCmdGenerate(f, nil),
	)
	return cmd
}

// scopeMapArg is what an argument is in messages.
const scopeMapArg = "a scope map"
