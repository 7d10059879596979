package emulator

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
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
			"changing those that flags name. A change holds from the next request on; lifetimes\n" +
			"hold for the tokens that are issued later. --registry names another registry than the first.",
		Example: "$ acrkit emulator settings\n\n# Access tokens that are valid for half a minute\n$ acrkit emulator settings --access-lifetime 30s\n\n" +
			"$ acrkit emulator settings --anonymous-pull on --admin-user off --role-assignment-mode AbacRepositoryPermissions",
		Args: cmdutil.NoArgs,
	}
	c := addControlFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	cmdutil.EnumFlag(cmd, &admin, "admin-user", "", "the admin user", "on", "off")
	cmdutil.EnumFlag(cmd, &anonymous, "anonymous-pull", "", "pulls without a credential", "on", "off")
	cmdutil.EnumFlag(cmd, &mode, "role-assignment-mode", "", "how roles are read", "LegacyRegistryPermissions", "AbacRepositoryPermissions")
	cmdutil.EnumFlag(cmd, &arm, "arm-tokens", "", "whether Entra tokens for Azure Resource Manager are taken", "on", "off")
	cmdutil.EnumFlag(cmd, &rates, "rate-limits", "", "the documented rate limits, until a restart", "on", "off")
	cmd.Flags().DurationVar(&access, "access-lifetime", 0, "life of ACR access tokens")
	cmd.Flags().DurationVar(&refresh, "refresh-lifetime", 0, "life of ACR refresh tokens")
	cmd.Flags().DurationVar(&entra, "entra-lifetime", 0, "life of Entra's tokens")
	cmdutil.AddJSONFlags(cmd, &exporter, settingsFields)
	cmd.RunE = c.run(func(cmd *cobra.Command, cl *client, _ []string) error {
		ctx := cmd.Context()
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
	})
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
