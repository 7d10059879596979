package emulator

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

var (
	tokenFields    = []string{"name", "scopeMap", "status", "created", "passwords"}
	passwordFields = []string{"name", "value", "created", "expires"}
)

func tokenRow(t control.Token) []string {
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

// newCmdToken returns "emulator token" with its verbs.
func newCmdToken(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "token <command>",
		Short: "Make and change tokens of a running emulator",
		Long: "Make and change scope-mapped tokens of a running emulator, and their passwords. A\n" +
			"change holds from the next request on. --registry names another registry than the first.",
	})
	c := addControlFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	one := func(use, short, long, example string, do func(ctx context.Context, cl *control.Client, name string) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cmdutil.ExactArgs(1, "a token's name"),
			ValidArgsFunction: c.complete(tokenNames),
			RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
				return do(cmd.Context(), cl, args[0])
			})}
	}
	set := func(status control.Status) func(context.Context, *control.Client, string) error {
		return func(ctx context.Context, cl *control.Client, name string) error {
			_, err := cl.ChangeToken(ctx, c.registry(), name, control.TokenChange{Status: &status})
			return err
		}
	}
	remove := func(ctx context.Context, cl *control.Client, name string) error {
		return cl.DeleteToken(ctx, c.registry(), name)
	}
	cmd.AddCommand(newCmdTokenList(c), newCmdTokenCreate(c), newCmdTokenPassword(c), newCmdTokenExpire(c),
		one("disable <name>", "Disable a token", "Disable a token. Access tokens that it has are refused at once.", "$ acrkit emulator token disable ci-pull", set(control.Disabled)),
		one("enable <name>", "Enable a token", "Enable a token that was disabled.", "$ acrkit emulator token enable ci-pull", set(control.Enabled)),
		one("delete <name>", "Delete a token", "Delete a token with its passwords.", "$ acrkit emulator token delete ci-pull", remove))
	return cmd
}

func newCmdTokenList(c *target) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens",
		Long:    "List the tokens with their scope maps, and when their passwords expire. The\nemulator keeps no password.",
		Example: "$ acrkit emulator token list\n$ acrkit emulator token list --json name,status",
		Args:    cmdutil.NoArgs,
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.Tokens(cmd.Context(), c.registry())
			if err != nil {
				return err
			}
			return printAll(cmd.Context(), c.factory.IO, exporter, all, []string{"TOKEN", "SCOPE MAP", "STATUS", "PASSWORDS"}, tokenRow)
		}),
	}
	cmdutil.AddJSONFlags(cmd, &exporter, tokenFields)
	return cmd
}

// expiry reads --expires: a time, or a duration from the emulator's time; "" = never.
func expiry(ctx context.Context, cl *control.Client, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}, cmdutil.Usage("%q is neither a time such as 2030-01-01T00:00:00Z nor a duration such as 90m", text)
	}
	clock, err := cl.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return clock.Now.Add(d), nil
}

func newCmdTokenCreate(c *target) *cobra.Command {
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
			"$ acrkit emulator token create ci-app --action repositories/samples/app/content/read --json name,value --jq '.[0].value' > password",
		Args: cmdutil.ExactArgs(1, "a token's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, name := cmd.Context(), args[0]
			if (scopeMap == "") == (len(actions) == 0) {
				return cmdutil.Usage("give --scope-map or --action")
			}
			cl, err := c.open()
			if err != nil {
				return err
			}
			at, err := expiry(cmd.Context(), cl, expires)
			if err != nil {
				return err
			}
			if len(actions) > 0 {
				scopeMap = name
				if _, err := cl.PutScopeMap(ctx, c.registry(), scopeMap, control.NewScopeMap{Actions: actions}); err != nil {
					return err
				}
			}
			if _, err := cl.PutToken(ctx, c.registry(), name, control.NewToken{ScopeMap: scopeMap}); err != nil {
				return err
			}
			return c.passwords(ctx, cl, exporter, name, control.NewPasswords{Expires: at})
		},
	}
	cmd.Flags().StringVar(&scopeMap, "scope-map", "", "`name` of a scope map that is there")
	cmdutil.CompleteNameFlag(cmd, "scope-map", c.names(scopeMapNames))
	cmd.Flags().StringSliceVar(&actions, "action", nil, "an `action` such as repositories/samples/*/content/read; may be repeated")
	cmd.Flags().StringVar(&expires, "expires", "", "`time` or duration after which the passwords expire (default: never)")
	cmdutil.AddJSONFlags(cmd, &exporter, passwordFields)
	return cmd
}

// passwords makes new passwords of a token and prints them.
func (c *target) passwords(ctx context.Context, cl *control.Client, exporter *cmdutil.Exporter, token string, in control.NewPasswords) error {
	made, err := cl.GeneratePasswords(ctx, c.registry(), token, in)
	if err != nil {
		return err
	}
	return printAll(ctx, c.factory.IO, exporter, made, []string{"PASSWORD", "VALUE"},
		func(p control.Password) []string { return []string{p.Name, p.Value} })
}

func newCmdTokenPassword(c *target) *cobra.Command {
	var exporter *cmdutil.Exporter
	var names []string
	var expires string
	cmd := &cobra.Command{
		Use: "password <name>", Short: "Make new passwords of a token",
		Long: "Make new passwords of a token, both or those that --name says, and print name and value\n" +
			"in a line. This is the only time. The old ones are refused from now on.",
		Example: "# Rotate the second password under a running client\n$ acrkit emulator token password ci-pull --name password2",
		Args:    cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: c.complete(tokenNames),
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			at, err := expiry(cmd.Context(), cl, expires)
			if err != nil {
				return err
			}
			return c.passwords(cmd.Context(), cl, exporter, args[0], control.NewPasswords{Names: names, Expires: at})
		}),
	}
	cmd.Flags().StringSliceVar(&names, "name", nil, "only this password: password1 or password2")
	cmd.Flags().StringVar(&expires, "expires", "", "`time` or duration after which they expire (default: never)")
	cmdutil.AddJSONFlags(cmd, &exporter, passwordFields)
	return cmd
}

func newCmdTokenExpire(c *target) *cobra.Command {
	var name, at string
	cmd := &cobra.Command{
		Use: "expire <name>", Short: "Let a token's passwords expire",
		Long:    "Let a token's passwords expire, now or at another time. Access tokens that were issued\nfor them stay valid until they expire.",
		Example: "$ acrkit emulator token expire ci-pull\n$ acrkit emulator token expire ci-pull --name password1 --at 10m",
		Args:    cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: c.complete(tokenNames),
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, args []string) error {
			ctx := cmd.Context()
			when, err := expiry(ctx, cl, at)
			if err != nil {
				return err
			}
			t, err := cl.Token(ctx, c.registry(), args[0])
			if err != nil {
				return err
			}
			names := []string{name}
			if name == "" {
				names = nil
				for _, x := range t.Passwords {
					names = append(names, x.Name)
				}
			}
			for _, n := range names {
				if _, err := cl.ExpirePassword(ctx, c.registry(), args[0], n, when); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmdutil.EnumFlag(cmd, &name, "name", "", "only this password", "password1", "password2")
	cmd.Flags().StringVar(&at, "at", "", "`time`, or duration from now (default: now)")
	return cmd
}
