package emulator

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/cli/iostreams"
)

// printAll prints a list that was read whole.
func printAll[T any](ctx context.Context, s *iostreams.IOStreams, e *cmdutil.Exporter, all []T, header []string, row func(T) []string) error {
	items := func(yield func(T, error) bool) {
		for _, x := range all {
			if !yield(x, nil) {
				return
			}
		}
	}
	_, err := cmdutil.PrintList(ctx, s, e, items, header, row, func(x T) T { return x })
	return err
}

// newCmdSettings returns "emulator settings".
func newCmdSettings(f *cmdutil.Factory) *cobra.Command {
	var admin, anonymous, mode, arm, rates string
	var access, refresh, entra time.Duration
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "settings", Short: "Show or change the settings of a running emulator",
		Long: "Show the settings of a running emulator's registry, and of the emulator itself, after\n" +
			"changing those that flags name. What changes holds for the next request; lifetimes, for\n" +
			"the tokens issued from then on. --registry names another registry than the first.",
		Example: "$ acrkit emulator settings\n\n# Tokens that live for half a minute\n$ acrkit emulator settings --access-lifetime 30s\n\n" +
			"$ acrkit emulator settings --anonymous-pull on --admin-user off --role-assignment-mode AbacRepositoryPermissions",
		Args: cmdutil.NoArgs,
	}
	c := addControlFlags(cmd, f)
	cmdutil.EnumFlag(cmd, &admin, "admin-user", "", "the admin user", "on", "off")
	cmdutil.EnumFlag(cmd, &anonymous, "anonymous-pull", "", "pulls without a credential", "on", "off")
	cmdutil.EnumFlag(cmd, &mode, "role-assignment-mode", "", "how roles are read", "LegacyRegistryPermissions", "AbacRepositoryPermissions")
	cmdutil.EnumFlag(cmd, &arm, "arm-tokens", "", "whether Entra tokens for Azure Resource Manager are taken", "on", "off")
	cmdutil.EnumFlag(cmd, &rates, "rate-limits", "", "the documented rate limits, until a restart", "on", "off")
	cmd.Flags().DurationVar(&access, "access-lifetime", 0, "life of ACR access tokens")
	cmd.Flags().DurationVar(&refresh, "refresh-lifetime", 0, "life of ACR refresh tokens")
	cmd.Flags().DurationVar(&entra, "entra-lifetime", 0, "life of Entra's tokens")
	cmdutil.AddJSONFlags(cmd, &exporter, settingsFields)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		cl, err := c.open()
		if err != nil {
			return err
		}
		p, err := cl.registryPath(ctx, c.registry())
		if err != nil {
			return err
		}
		change := map[string]any{}
		for name, v := range map[string]string{"adminUserEnabled": admin, "anonymousPullEnabled": anonymous} {
			if v != "" {
				change[name] = v == "on"
			}
		}
		if mode != "" {
			change["roleAssignmentMode"] = mode
		}
		if arm != "" {
			change["azureADAuthenticationAsArmPolicy"] = map[string]string{"on": "enabled", "off": "disabled"}[arm]
		}
		if len(change) > 0 {
			if err := cl.call(ctx, http.MethodPatch, p, change, nil); err != nil {
				return err
			}
		}
		var l struct {
			Access  string `json:"access"`
			Refresh string `json:"refresh"`
			Entra   string `json:"entra"`
		}
		if err := cl.call(ctx, http.MethodGet, "lifetimes", nil, &l); err != nil {
			return err
		}
		changed := false
		for _, x := range []struct {
			flag string
			d    time.Duration
			to   *string
		}{{"access-lifetime", access, &l.Access}, {"refresh-lifetime", refresh, &l.Refresh}, {"entra-lifetime", entra, &l.Entra}} {
			if cmd.Flags().Changed(x.flag) {
				*x.to, changed = x.d.String(), true
			}
		}
		if changed {
			if err := cl.call(ctx, http.MethodPut, "lifetimes", l, &l); err != nil {
				return err
			}
		}
		if rates != "" {
			if err := cl.call(ctx, http.MethodPut, "rate-limits", map[string]bool{"enabled": rates == "on"}, nil); err != nil {
				return err
			}
		}
		return c.printSettings(ctx, cl, exporter, p, settingsJSON{AccessLifetime: l.Access, RefreshLifetime: l.Refresh, EntraLifetime: l.Entra})
	}
	return cmd
}

type registryJSON struct {
	Name               string `json:"name"`
	SKU                string `json:"sku"`
	AdminUser          bool   `json:"adminUserEnabled"`
	AnonymousPull      bool   `json:"anonymousPullEnabled"`
	RoleAssignmentMode string `json:"roleAssignmentMode"`
	ArmTokenPolicy     string `json:"azureADAuthenticationAsArmPolicy"`
	Network            struct {
		DefaultAction string   `json:"defaultAction"`
		IPRules       []string `json:"ipRules"`
	} `json:"network"`
}

func onOff(v bool) string {
	if v {
		return "on"
	}
	return "off"
}

// settingsJSON is what "emulator settings --json" prints.
type settingsJSON struct {
	registryJSON

	AccessLifetime  string `json:"accessLifetime"`
	RefreshLifetime string `json:"refreshLifetime"`
	EntraLifetime   string `json:"entraLifetime"`
	RateLimits      bool   `json:"rateLimits"`
}

var settingsFields = []string{"name", "sku", "adminUserEnabled", "anonymousPullEnabled", "roleAssignmentMode", "azureADAuthenticationAsArmPolicy",
	"network", "accessLifetime", "refreshLifetime", "entraLifetime", "rateLimits"}

// printSettings adds the registry's settings to the lifetimes in r, and prints them.
func (c *control) printSettings(ctx context.Context, cl *client, exporter *cmdutil.Exporter, registry string, r settingsJSON) error {
	if err := cl.call(ctx, http.MethodGet, registry, nil, &r.registryJSON); err != nil {
		return err
	}
	var rates struct{ Enabled bool }
	if err := cl.call(ctx, http.MethodGet, "rate-limits", nil, &rates); err != nil {
		return err
	}
	r.RateLimits = rates.Enabled
	if exporter != nil {
		return exporter.Write(ctx, c.factory.IO, r)
	}
	network := r.Network.DefaultAction
	if len(r.Network.IPRules) > 0 {
		network += " but " + strings.Join(r.Network.IPRules, ", ")
	}
	table := c.factory.IO.NewTable("SETTING", "VALUE")
	for _, row := range [][]string{
		{"registry", r.Name}, {"tier", r.SKU}, {"admin user", onOff(r.AdminUser)}, {"anonymous pull", onOff(r.AnonymousPull)},
		{"role assignment mode", r.RoleAssignmentMode}, {"ARM tokens", onOff(r.ArmTokenPolicy == "enabled")}, {"network", network},
		{"access lifetime", r.AccessLifetime}, {"refresh lifetime", r.RefreshLifetime}, {"Entra lifetime", r.EntraLifetime}, {"rate limits", onOff(rates.Enabled)},
	} {
		if err := table.Row(row...); err != nil {
			return err
		}
	}
	return table.Flush()
}

// newCmdNetwork returns "emulator network" with its verbs.
func newCmdNetwork(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "network <command>",
		Short: "Change a running emulator's network rules",
		Long:  "Change whom a running emulator's registry lets in. Others get 403 from its data plane and\nits token service, as from behind the service's firewall.",
	})
	c := addControlFlags(cmd, f)
	add := func(use, short, long, example string, args cobra.PositionalArgs, action string) {
		cmd.AddCommand(&cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				cl, err := c.open()
				if err != nil {
					return err
				}
				p, err := cl.registryPath(cmd.Context(), c.registry())
				if err != nil {
					return err
				}
				if args == nil {
					args = []string{}
				}
				return cl.call(cmd.Context(), http.MethodPatch, p, map[string]any{"network": map[string]any{"defaultAction": action, "ipRules": args}}, nil)
			}})
	}
	add("deny", "Let nobody in", "Let nobody in.", "$ acrkit emulator network deny", cmdutil.NoArgs, "Deny")
	add("only <address>...", "Let in only these addresses", "Let in only these addresses and networks.", "$ acrkit emulator network only 192.0.2.7 198.51.100.0/24", cobra.MinimumNArgs(1), "Deny")
	add("allow", "Let all in", "Let all in.", "$ acrkit emulator network allow", cmdutil.NoArgs, "Allow")
	return cmd
}

type snapshotJSON struct {
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	Repositories int64     `json:"repositories"`
	Manifests    int64     `json:"manifests"`
	Tags         int64     `json:"tags"`
	Blobs        int64     `json:"blobs"`
}

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
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := c.open()
			if err != nil {
				return err
			}
			var out struct{ Snapshots []snapshotJSON }
			if err := cl.call(cmd.Context(), http.MethodGet, "snapshots", nil, &out); err != nil {
				return err
			}
			return printAll(cmd.Context(), c.factory.IO, exporter, out.Snapshots, []string{"SNAPSHOT", "TAKEN"}, func(s snapshotJSON) []string { return []string{s.Name, cmdutil.Time(s.Created)} })
		}}
	cmdutil.AddJSONFlags(list, &exporter, snapshotFields)
	create := &cobra.Command{Use: "create <name>", Short: "Take a snapshot", Long: "Take a snapshot. Clients go on meanwhile.", Example: "$ acrkit emulator snapshot create before-purge", Args: cmdutil.ExactArgs(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.open()
			if err != nil {
				return err
			}
			return cl.call(cmd.Context(), http.MethodPost, "snapshots", map[string]string{"name": args[0]}, nil)
		}}
	remove := &cobra.Command{Use: "delete <name>", Short: "Delete a snapshot", Long: "Delete a snapshot.", Example: "$ acrkit emulator snapshot delete before-purge", Args: cmdutil.ExactArgs(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.open()
			if err != nil {
				return err
			}
			return cl.call(cmd.Context(), http.MethodDelete, path("snapshots", args[0]), nil, nil)
		}}
	cmd.AddCommand(list, create, remove)
	return cmd
}

// newCmdReset returns "emulator reset".
func newCmdReset(f *cmdutil.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reset [<snapshot>]", Short: "Go back to a snapshot, or to the seed",
		Long: "Replace a running emulator's state by a snapshot's, without a name by what it was when its\n" +
			"seed was applied. What was pushed since is gone. Requests under way are waited for, new\n" +
			"ones wait. Faults, the clock and the decision log stay as they are.",
		Example: "$ acrkit emulator reset\n$ acrkit emulator reset before-purge", Args: cmdutil.MaxArgs(1),
	}
	c := addControlFlags(cmd, f)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cl, err := c.open()
		if err != nil {
			return err
		}
		return cl.call(cmd.Context(), http.MethodPost, "reset", map[string]string{"snapshot": strings.Join(args, "")}, nil)
	}
	return cmd
}
