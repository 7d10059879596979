package emulator

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

var snapshotFields = []string{"name", "created", "repositories", "manifests", "tags", "blobs"}

// newCmdSnapshot returns "emulator snapshot" with its verbs.
func newCmdSnapshot(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "snapshot <command>",
		Short: "Take snapshots of a running emulator's state",
		Long: "Take snapshots of a running emulator's state, to go back to with \"acrkit emulator reset\":\n" +
			"content, settings, tokens, scope maps, passwords. They outlive a restart where there is a\n" +
			"data folder. The one called seed is taken when a seed is applied.",
	})
	c := addControlFlags(cmd, f)
	var exporter *cmdutil.Exporter
	list := &cobra.Command{Use: "list", Short: "List the snapshots", Long: "List the snapshots, the oldest first.", Example: "$ acrkit emulator snapshot list", Args: cmdutil.NoArgs,
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.Snapshots(cmd.Context())
			if err != nil {
				return err
			}
			return printAll(cmd.Context(), c.factory.IO, exporter, all, []string{"SNAPSHOT", "TAKEN"}, func(s control.Snapshot) []string { return []string{s.Name, cmdutil.Time(s.Created)} })
		})}
	cmdutil.AddJSONFlags(list, &exporter, snapshotFields)
	create := &cobra.Command{Use: "create <name>", Short: "Take a snapshot", Long: "Take a snapshot. Clients go on meanwhile.", Example: "$ acrkit emulator snapshot create before-purge", Args: cmdutil.ExactArgs(1, "a name"),
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			_, err := cl.TakeSnapshot(cmd.Context(), args[0])
			return err
		})}
	remove := &cobra.Command{Use: "delete <name>", Short: "Delete a snapshot", Long: "Delete a snapshot.", Example: "$ acrkit emulator snapshot delete before-purge", Args: cmdutil.ExactArgs(1, "a name"), ValidArgsFunction: c.complete(snapshotNames),
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			return cl.DeleteSnapshot(cmd.Context(), args[0])
		})}
	cmd.AddCommand(list, create, remove)
	return cmd
}

// newCmdReset returns "emulator reset".
func newCmdReset(f *cmdutil.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reset [<snapshot>]", Short: "Go back to a snapshot, or to the seed",
		Long: "Return a running emulator to a snapshot, or, without a name, to the state after its seed\n" +
			"was applied. Later pushes are gone. Requests under way end first; new ones wait.\n" +
			"Faults, the clock and the decision log stay as they are.",
		Example: "$ acrkit emulator reset\n$ acrkit emulator reset before-purge", Args: cmdutil.MaxArgs(1),
	}
	c := addControlFlags(cmd, f)
	cmd.ValidArgsFunction = c.complete(snapshotNames)
	cmd.RunE = c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
		return cl.Reset(cmd.Context(), strings.Join(args, ""))
	})
	return cmd
}
