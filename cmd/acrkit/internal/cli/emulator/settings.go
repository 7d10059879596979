package emulator

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

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
		Example: "$ acrkit emulator settings\n\n# Access tokens that are valid for half a minute\n$ acrkit emulator " +
			"settings --access-lifetime 30s\n\n" +
			"$ acrkit emulator settings --anonymous-pull on --admin-user off --role-assignment-mode " +
			"AbacRepositoryPermissions",
		Args: cmdutil.NoArgs,
	}
	c := target.AddFlags(cmd, f)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	cmdutil.EnumFlag(cmd, &admin, "admin-user", "", "the admin user", "on", "off")
	cmdutil.EnumFlag(cmd, &anonymous, "anonymous-pull", "", "pulls without a credential", "on", "off")
	cmdutil.EnumFlag(cmd, &mode, "role-assignment-mode", "", "how roles are read", "LegacyRegistryPermissions",
		"AbacRepositoryPermissions")
	cmdutil.EnumFlag(cmd, &arm, "arm-tokens", "",
		"whether Entra tokens for Azure Resource Manager are taken", "on", "off")
	cmdutil.EnumFlag(cmd, &rates, "rate-limits", "", "the documented rate limits, until a restart", "on", "off")
	cmd.Flags().DurationVar(&access, "access-lifetime", 0, "life of ACR access tokens")
	cmd.Flags().DurationVar(&refresh, "refresh-lifetime", 0, "life of ACR refresh tokens")
	cmd.Flags().DurationVar(&entra, "entra-lifetime", 0, "life of Entra's tokens")
	cmdutil.AddJSONFlags(cmd, &exporter, settingsFields)
	cmd.RunE = c.Run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
		ctx := cmd.Context()
		change := control.RegistryChange{AdminUser: switched(admin), AnonymousPull: switched(anonymous)}
		if mode != "" {
			change.RoleAssignmentMode = &mode
		}
		if on := switched(arm); on != nil {
			policy := control.StatusOf(*on)
			change.ArmTokenPolicy = &policy
		}
		if change != (control.RegistryChange{}) {
			if _, err := cl.ChangeRegistry(ctx, c.Registry(), change); err != nil {
				return err
			}
		}
		l, err := cl.Lifetimes(ctx)
		if err != nil {
			return err
		}
		changed := false
		for _, x := range []struct {
			flag string
			d    time.Duration
			to   *string
		}{{"access-lifetime", access, &l.Access}, {"refresh-lifetime", refresh, &l.Refresh},
			{"entra-lifetime", entra, &l.Entra}} {
			if cmd.Flags().Changed(x.flag) {
				*x.to, changed = x.d.String(), true
			}
		}
		if changed {
			if l, err = cl.SetLifetimes(ctx, l); err != nil {
				return err
			}
		}
		if rates != "" {
			if err := cl.SetRateLimits(ctx, rates == "on"); err != nil {
				return err
			}
		}
		return printSettings(ctx, c, cl, exporter, settingsJSON{AccessLifetime: l.Access, RefreshLifetime: l.Refresh,
			EntraLifetime: l.Entra})
	})
	return cmd
}

// switched reads on or off; nil is neither.
func switched(word string) *bool {
	if word == "" {
		return nil
	}
	on := word == "on"
	return &on
}

func onOff(v bool) string {
	if v {
		return "on"
	}
	return "off"
}

// settingsJSON is what "emulator settings --json" prints.
type settingsJSON struct {
	control.Registry

	AccessLifetime  string `json:"accessLifetime"`
	RefreshLifetime string `json:"refreshLifetime"`
	EntraLifetime   string `json:"entraLifetime"`
	RateLimits      bool   `json:"rateLimits"`
}

var settingsFields = []string{"name", "sku", "adminUserEnabled", "anonymousPullEnabled", "roleAssignmentMode",
	"azureADAuthenticationAsArmPolicy",
	"network", "accessLifetime", "refreshLifetime", "entraLifetime", "rateLimits"}

// printSettings adds the registry's settings to the lifetimes in r, and prints them.
func printSettings(ctx context.Context, c *target.Target, cl *control.Client, exporter *cmdutil.Exporter,
	r settingsJSON) (err error) {
	if r.Registry, err = cl.Registry(ctx, c.Registry()); err != nil {
		return err
	}
	if r.RateLimits, err = cl.RateLimits(ctx); err != nil {
		return err
	}
	if exporter != nil {
		return exporter.Write(ctx, c.Factory.IO, r)
	}
	network := r.Network.DefaultAction
	if len(r.Network.IPRules) > 0 {
		network += " but " + strings.Join(r.Network.IPRules, ", ")
	}
	table := c.Factory.IO.NewTable("SETTING", "VALUE")
	for _, row := range [][]string{
		{"registry", r.Name}, {"tier", r.SKU}, {"admin user", onOff(r.AdminUser)},
		{"anonymous pull", onOff(r.AnonymousPull)},
		{"role assignment mode", r.RoleAssignmentMode}, {"ARM tokens", onOff(r.ArmTokenPolicy == control.Enabled)},
		{"network", network},
		{"access lifetime", r.AccessLifetime}, {"refresh lifetime", r.RefreshLifetime},
		{"Entra lifetime", r.EntraLifetime}, {"rate limits", onOff(r.RateLimits)},
	} {
		if err := table.Row(row...); err != nil {
			return err
		}
	}
	return table.Flush()
}
