package emulator

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

var scopeMapFields = []string{"name", "description", "actions", "systemDefined"}

// newCmdScopeMap returns "emulator scope-map" with its verbs.
func newCmdScopeMap(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "scope-map <command>",
		Short: "List and replace scope maps of a running emulator",
		Long:  "List and replace scope maps of a running emulator. Tokens that have one have its new\nrights with the next request.",
	})
	c := addControlFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	var exporter *cmdutil.Exporter
	list := &cobra.Command{
		Use: "list", Short: "List the scope maps", Long: "List the scope maps with their actions, those that every registry has last.",
		Example: "$ acrkit emulator scope-map list", Args: cmdutil.NoArgs,
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.ScopeMaps(cmd.Context(), c.registry())
			if err != nil {
				return err
			}
			return printAll(cmd.Context(), c.factory.IO, exporter, all, []string{"SCOPE MAP", "ACTIONS"}, func(m control.ScopeMap) []string {
				return []string{m.Name, strings.Join(m.Actions, ",")}
			})
		}),
	}
	cmdutil.AddJSONFlags(list, &exporter, scopeMapFields)
	put := &cobra.Command{
		Use: "set <name> <action>...", Short: "Make or replace a scope map", ValidArgsFunction: c.complete(scopeMapNames),
		Long:    "Make or replace a scope map. It then grants only the actions that are named.",
		Example: "# The token keeps its name and password, and may only read now\n$ acrkit emulator scope-map set ci-push repositories/samples/app/content/read",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cmdutil.Usage("%q needs a name and at least one action", cmd.CommandPath())
			}
			cl, err := c.open()
			if err != nil {
				return err
			}
			_, err = cl.PutScopeMap(cmd.Context(), c.registry(), args[0], control.NewScopeMap{Actions: args[1:]})
			return err
		},
	}
	remove := &cobra.Command{
		Use: "delete <name>", Short: "Delete a scope map", Long: "Delete a scope map. Tokens that have it have no rights then.",
		Example: "$ acrkit emulator scope-map delete ci-pull", Args: cmdutil.ExactArgs(1, "a scope map's name"), ValidArgsFunction: c.complete(scopeMapNames),
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			return cl.DeleteScopeMap(cmd.Context(), c.registry(), args[0])
		}),
	}
	cmd.AddCommand(list, put, remove)
	return cmd
}
