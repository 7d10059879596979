package snapshot

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

var fields = []string{"name", "created", "repositories", "manifests", "tags", "blobs"}

func newCmdList(c *target.Target) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the snapshots",
		Long: "List the snapshots, the oldest first.", Example: "$ acrkit emulator snapshot list",
		Args: cmdutil.NoArgs,
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.Snapshots(cmd.Context())
			if err != nil {
				return err
			}
			return cmdutil.PrintAll(cmd.Context(), c.Factory.IO, exporter, all, []string{"SNAPSHOT", "TAKEN"},
				func(s control.Snapshot) []string { return []string{s.Name, cmdutil.Time(s.Created)} })
		})}
	cmdutil.AddJSONFlags(cmd, &exporter, fields)
	return cmd
}
