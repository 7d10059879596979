package emulator

import (
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

var (
	tokenFields    = []string{"name", "scopeMap", "status", "created", "passwords"}
	passwordFields = []string{"name", "value", "created", "expires"}
)

type passwordJSON struct {
	Name    string    `json:"name"`
	Value   string    `json:"value,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
}

type tokenJSON struct {
	Name      string         `json:"name"`
	ScopeMap  string         `json:"scopeMap"`
	Status    string         `json:"status"`
	Created   time.Time      `json:"created"`
	Passwords []passwordJSON `json:"passwords"`
}

func (t tokenJSON) row() []string {
	var passwords []string
	for _, p := range t.Passwords {
		if p.Expires.IsZero() {
			passwords = append(passwords, p.Name)
		} else {
			passwords = append(passwords, p.Name+" until "+cmdutil.Time(p.Expires))
		}
	}
	return []string{t.Name, t.ScopeMap, t.Status, strings.Join(passwords, ", ")}
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
	tokens := c.complete("tokens")
	one := func(use, short, long, example, method string, body any) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: tokens,
			RunE: c.run(func(cmd *cobra.Command, cl *client, args []string) error {
				p, err := cl.registryPath(cmd.Context(), c.registry(), "tokens", args[0])
				if err != nil {
					return err
				}
				return cl.call(cmd.Context(), method, p, body, nil)
			})}
	}
	cmd.AddCommand(newCmdTokenList(c), newCmdTokenCreate(c), newCmdTokenPassword(c), newCmdTokenExpire(c),
		one("disable <name>", "Disable a token", "Disable a token. Access tokens that it has are refused at once.", "$ acrkit emulator token disable ci-pull", http.MethodPatch, map[string]string{"status": "disabled"}),
		one("enable <name>", "Enable a token", "Enable a token that was disabled.", "$ acrkit emulator token enable ci-pull", http.MethodPatch, map[string]string{"status": "enabled"}),
		one("delete <name>", "Delete a token", "Delete a token with its passwords.", "$ acrkit emulator token delete ci-pull", http.MethodDelete, nil))
	return cmd
}

func newCmdTokenList(c *control) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens",
		Long:    "List the tokens with their scope maps, and when their passwords expire. The\nemulator keeps no password.",
		Example: "$ acrkit emulator token list\n$ acrkit emulator token list --json name,status",
		Args:    cmdutil.NoArgs,
		RunE: c.run(func(cmd *cobra.Command, cl *client, _ []string) error {
			p, err := cl.registryPath(cmd.Context(), c.registry(), "tokens")
			if err != nil {
				return err
			}
			var out struct{ Tokens []tokenJSON }
			if err := cl.call(cmd.Context(), http.MethodGet, p, nil, &out); err != nil {
				return err
			}
			return printAll(cmd.Context(), c.factory.IO, exporter, out.Tokens, []string{"TOKEN", "SCOPE MAP", "STATUS", "PASSWORDS"}, tokenJSON.row)
		}),
	}
	cmdutil.AddJSONFlags(cmd, &exporter, tokenFields)
	return cmd
}

// expiry reads --expires: a time, or a duration from the emulator's time; "" = never.
func (c *client) expiry(cmd *cobra.Command, text string) (time.Time, error) {
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
	var now clockJSON
	if err := c.call(cmd.Context(), http.MethodGet, "clock", nil, &now); err != nil {
		return time.Time{}, err
	}
	return now.Now.Add(d), nil
}

func newCmdTokenCreate(c *control) *cobra.Command {
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
			at, err := cl.expiry(cmd, expires)
			if err != nil {
				return err
			}
			if len(actions) > 0 {
				scopeMap = name
				p, err := cl.registryPath(ctx, c.registry(), "scope-maps", scopeMap)
				if err != nil {
					return err
				}
				if err := cl.call(ctx, http.MethodPut, p, map[string]any{"actions": actions}, nil); err != nil {
					return err
				}
			}
			p, err := cl.registryPath(ctx, c.registry(), "tokens", name)
			if err != nil {
				return err
			}
			if err := cl.call(ctx, http.MethodPut, p, map[string]any{"scopeMap": scopeMap}, nil); err != nil {
				return err
			}
			return c.passwords(cmd, cl, exporter, p, nil, at)
		},
	}
	cmd.Flags().StringVar(&scopeMap, "scope-map", "", "`name` of a scope map that is there")
	cmdutil.CompleteNameFlag(cmd, "scope-map", c.names("scope-maps"))
	cmd.Flags().StringSliceVar(&actions, "action", nil, "an `action` such as repositories/samples/*/content/read; may be repeated")
	cmd.Flags().StringVar(&expires, "expires", "", "`time` or duration after which the passwords expire (default: never)")
	cmdutil.AddJSONFlags(cmd, &exporter, passwordFields)
	return cmd
}

// passwords makes new passwords of the token at a path and prints them.
func (c *control) passwords(cmd *cobra.Command, cl *client, exporter *cmdutil.Exporter, token string, names []string, expires time.Time) error {
	in := struct {
		Names   []string  `json:"names,omitempty"`
		Expires time.Time `json:"expires,omitzero"`
	}{names, expires}
	var out struct{ Passwords []passwordJSON }
	if err := cl.call(cmd.Context(), http.MethodPost, token+"/passwords", in, &out); err != nil {
		return err
	}
	return printAll(cmd.Context(), c.factory.IO, exporter, out.Passwords, []string{"PASSWORD", "VALUE"}, func(p passwordJSON) []string { return []string{p.Name, p.Value} })
}

func newCmdTokenPassword(c *control) *cobra.Command {
	var exporter *cmdutil.Exporter
	var names []string
	var expires string
	cmd := &cobra.Command{
		Use: "password <name>", Short: "Make new passwords of a token",
		Long: "Make new passwords of a token, both or those that --name says, and print name and value\n" +
			"in a line. This is the only time. The old ones are refused from now on.",
		Example: "# Rotate the second password under a running client\n$ acrkit emulator token password ci-pull --name password2",
		Args:    cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: c.complete("tokens"),
		RunE: c.run(func(cmd *cobra.Command, cl *client, args []string) error {
			at, err := cl.expiry(cmd, expires)
			if err != nil {
				return err
			}
			p, err := cl.registryPath(cmd.Context(), c.registry(), "tokens", args[0])
			if err != nil {
				return err
			}
			return c.passwords(cmd, cl, exporter, p, names, at)
		}),
	}
	cmd.Flags().StringSliceVar(&names, "name", nil, "only this password: password1 or password2")
	cmd.Flags().StringVar(&expires, "expires", "", "`time` or duration after which they expire (default: never)")
	cmdutil.AddJSONFlags(cmd, &exporter, passwordFields)
	return cmd
}

func newCmdTokenExpire(c *control) *cobra.Command {
	var name, at string
	cmd := &cobra.Command{
		Use: "expire <name>", Short: "Let a token's passwords expire",
		Long:    "Let a token's passwords expire, now or at another time. Access tokens that were issued\nfor them stay valid until they expire.",
		Example: "$ acrkit emulator token expire ci-pull\n$ acrkit emulator token expire ci-pull --name password1 --at 10m",
		Args:    cmdutil.ExactArgs(1, "a token's name"), ValidArgsFunction: c.complete("tokens"),
		RunE: c.run(func(cmd *cobra.Command, cl *client, args []string) error {
			ctx := cmd.Context()
			when, err := cl.expiry(cmd, at)
			if err != nil {
				return err
			}
			p, err := cl.registryPath(ctx, c.registry(), "tokens", args[0])
			if err != nil {
				return err
			}
			var t tokenJSON
			if err := cl.call(ctx, http.MethodGet, p, nil, &t); err != nil {
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
				in := struct {
					Expires time.Time `json:"expires,omitzero"`
				}{when}
				if err := cl.call(ctx, http.MethodPatch, p+"/passwords/"+n, in, nil); err != nil {
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
