// Package access holds the "acrkit access" commands.
package access

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdAccess returns the noun with its verbs.
func NewCmdAccess(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "access <command>", Short: "Show who may do what in a registry",
		Long: "Show who may do what in a registry: tokens by their scope maps, role assignments, the\n" +
			"admin user, and anonymous pull. Azure Resource Manager is asked, with an identity of\n" +
			"Entra; nothing is changed. Not seen: deny assignments, roles that a user may\n" +
			"activate for a time, and the members of groups."})
	cmd.AddCommand(newCmdList(f, nil), newCmdCheck(f, nil))
	return cmd
}
