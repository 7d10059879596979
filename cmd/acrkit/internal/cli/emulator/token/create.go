package token

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdCreate(c *target.Target) *cobra.Command {
	var exporter *cmdutil.Exporter
	var scopeMap, expires string
	var actions []string
	cmd := &cobra.Command{
		Use: "create <name> {--scope-map <name> | --action <action>...}", Short: "Make a token with two new passwords",
		Long: "Make a token, or change the scope map of one that is there, and give it two new\n" +
			"passwords, which are printed: name and value in a line. This is the only time. With\n" +
			"--action, a scope map of the token's name is made for it.",
		Example: "$ acrkit emulator token create ci-pull --scope-map _repositories_pull\n\n" +
			"# What it may do, and only its first password, into a file\n" +
			"$ acrkit emulator token create ci-app --action repositories/samples/app/content/read --json name,value " +
			"--jq '.[0].value' > password",
		Args: cmdutil.ExactArgs(1, "a token's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, name := cmd.Context(), args[0]
			if (scopeMap == "") == (len(actions) == 0) {
				return cmdutil.Usage("give --scope-map or --action")
			}
			cl, err := c.Open()
			if err != nil {
				return err
			}
			at, err := target.Time(cmd.Context(), cl, expires)
			if err != nil {
				return err
			}
			if len(actions) > 0 {
				scopeMap = name
				if _, err := cl.PutScopeMap(ctx, c.Registry(), scopeMap,
					control.NewScopeMap{Actions: actions}); err != nil {
					return err
				}
			}
			if _, err := cl.PutToken(ctx, c.Registry(), name, control.NewToken{ScopeMap: scopeMap}); err != nil {
				return err
			}
			return passwords(ctx, c, cl, exporter, name, control.NewPasswords{Expires: at})
		},
	}
	cmd.Flags().StringVar(&scopeMap, "scope-map", "", "`name` of a scope map that is there")
	cmdutil.CompleteNameFlag(cmd, "scope-map", c.Names(target.ScopeMapNames))
	cmd.Flags().StringSliceVar(&actions, "action", nil,
		"an `action` such as repositories/samples/*/content/read; may be repeated")
	cmd.Flags().StringVar(&expires, "expires", "",
		"`time` or duration after which the passwords expire (default: never)")
	cmdutil.AddJSONFlags(cmd, &exporter, passwordFields)
	return cmd
}
