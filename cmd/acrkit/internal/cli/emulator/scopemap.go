package emulator

import (
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

type scopeMapJSON struct {
	Name          string   `json:"name"`
	Description   string   `json:"description"`
	Actions       []string `json:"actions"`
	SystemDefined bool     `json:"systemDefined"`
}

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
		RunE: c.run(func(cmd *cobra.Command, cl *client, _ []string) error {
			p, err := cl.registryPath(cmd.Context(), c.registry(), "scope-maps")
			if err != nil {
				return err
			}
			var out struct{ ScopeMaps []scopeMapJSON }
			if err := cl.call(cmd.Context(), http.MethodGet, p, nil, &out); err != nil {
				return err
			}
			return printAll(cmd.Context(), c.factory.IO, exporter, out.ScopeMaps, []string{"SCOPE MAP", "ACTIONS"}, func(m scopeMapJSON) []string {
				return []string{m.Name, strings.Join(m.Actions, ",")}
			})
		}),
	}
	cmdutil.AddJSONFlags(list, &exporter, scopeMapFields)
	put := &cobra.Command{
		Use: "set <name> <action>...", Short: "Make or replace a scope map", ValidArgsFunction: c.complete("scope-maps"),
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
			p, err := cl.registryPath(cmd.Context(), c.registry(), "scope-maps", args[0])
			if err != nil {
				return err
			}
			return cl.call(cmd.Context(), http.MethodPut, p, map[string]any{"actions": slices.Clone(args[1:])}, nil)
		},
	}
	remove := &cobra.Command{
		Use: "delete <name>", Short: "Delete a scope map", Long: "Delete a scope map. Tokens that have it have no rights then.",
		Example: "$ acrkit emulator scope-map delete ci-pull", Args: cmdutil.ExactArgs(1, "a scope map's name"), ValidArgsFunction: c.complete("scope-maps"),
		RunE: c.run(func(cmd *cobra.Command, cl *client, args []string) error {
			p, err := cl.registryPath(cmd.Context(), c.registry(), "scope-maps", args[0])
			if err != nil {
				return err
			}
			return cl.call(cmd.Context(), http.MethodDelete, p, nil, nil)
		}),
	}
	cmd.AddCommand(list, put, remove)
	return cmd
}
