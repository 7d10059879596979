package token

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

var fields = []string{"name", "scopeMap", "status", "created", "passwords"}

func row(t control.Token) []string {
	var passwords []string
	for _, p := range t.Passwords {
		if p.Expires.IsZero() {
			passwords = append(passwords, p.Name)
		} else {
			passwords = append(passwords, p.Name+" until "+cmdutil.Time(p.Expires))
		}
	}
	return []string{t.Name, t.ScopeMap, string(t.Status), strings.Join(passwords, ", ")}
}

func newCmdList(c *target.Target) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens",
		Long: "List the tokens with their scope maps, and when their passwords expire. The\nemulator keeps no " +
			"password.",
		Example: "$ acrkit emulator token list\n$ acrkit emulator token list --json name,status",
		Args:    cmdutil.NoArgs,
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.Tokens(cmd.Context(), c.Registry())
			if err != nil {
				return err
			}
			return cmdutil.PrintAll(cmd.Context(), c.Factory.IO, exporter, all,
				[]string{"TOKEN", "SCOPE MAP", "STATUS", "PASSWORDS"}, row)
		}),
	}
	cmdutil.AddJSONFlags(cmd, &exporter, fields)
	return cmd
}
