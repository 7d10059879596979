package seed

import (
	"maps"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/wording"
)

// The words of a registry's network rules.
const (
	allow, deny       = "Allow", "Deny"
	enabled, disabled = "Enabled", "Disabled"
)

// checkSettings checks what a registry lets in, its tags, and the settings that are only
// read back.
func (r *Registry) checkSettings(p *problems, path string) {
	switch r.PublicNetworkAccess {
	case "", enabled, disabled:
	default:
		p.add(path+".publicNetworkAccess", "%s is neither %s nor %s", wording.Quote(r.PublicNetworkAccess), enabled,
			disabled)
	}
	rules := &r.NetworkRuleSet
	switch rules.DefaultAction {
	case "", allow:
		if len(rules.IPRules) > 0 {
			p.add(path+".networkRuleSet.ipRules", "mean nothing while all addresses are allowed")
		}
	case deny: // in any tier, as the control API allows it for rehearsals
	default:
		p.add(path+".networkRuleSet.defaultAction", "%s is neither %s nor %s", wording.Quote(rules.DefaultAction),
			allow, deny)
	}
	if len(rules.IPRules) > service.MaxIPRules {
		p.add(path+".networkRuleSet.ipRules", "has more than %d", service.MaxIPRules)
	}
	for i, text := range rules.IPRules {
		if _, err := service.ParseIPRule(text); err != nil {
			p.add(item(path+".networkRuleSet", "ipRules", i), "%s is no address or network", wording.Quote(text))
		}
	}
	checkTags(p, path+".tags", r.Tags)
	for _, name := range slices.Sorted(maps.Keys(r.OtherSettings)) {
		at, value := path+".otherSettings", r.OtherSettings[name]
		setting, ok := service.FindSetting(name)
		if !ok {
			p.add(at, "%s is none of %s", wording.Quote(name), strings.Join(service.SettingNames(), ", "))
			continue
		}
		if usual, ok := setting.Usual(value); !ok || usual != value {
			p.add(at, "%s of %s is not %s", wording.Quote(value), name, setting.Values())
		} else if !setting.InTier(r.SKU, value) {
			p.add(at+"."+name, "only the Premium tier has %s", value)
		}
	}
}
