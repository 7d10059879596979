package scopemap

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

var fields = []string{"name", "description", "actions", "systemDefined"}

func newCmdList(c *target.Target) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the scope maps",
		Long:    "List the scope maps with their actions, those that every registry has last.",
		Example: "$ acrkit emulator scope-map list", Args: cmdutil.NoArgs,
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.ScopeMaps(cmd.Context(), c.Registry())
			if err != nil {
				return err
			}
			return cmdutil.PrintAll(cmd.Context(), c.Factory.IO, exporter, all, []string{"SCOPE MAP", "ACTIONS"},
				func(m control.ScopeMap) []string { return []string{m.Name, strings.Join(m.Actions, ",")} })
		}),
	}
	cmdutil.AddJSONFlags(cmd, &exporter, fields)
	return cmd
}
