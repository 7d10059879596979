package write

import (
	"net/netip"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/wording"
)

// MaxIPRules is how many IP rules a registry can have (recorded: listUsages).
//
//rule:emulator-limits-max-ip-rules
const MaxIPRules = 100

// Settings are the settings of a registry that can be changed.
type Settings struct {
	AdminUser          bool
	AnonymousPull      bool
	RoleAssignmentMode string
	ArmTokens          bool
	Deny               bool           // refuse all addresses outside Allow
	Allow              []netip.Prefix // addresses and networks that are not refused
}

// SettingsOf returns the settings of a registry.
func SettingsOf(r *principal.RegistrySettings) Settings {
	s := Settings{AdminUser: r.Admin, AnonymousPull: r.Anonymous, RoleAssignmentMode: r.Mode, ArmTokens: !r.NoArmTokens}
	if s.RoleAssignmentMode == "" {
		s.RoleAssignmentMode = service.ModeLegacy
	}
	if r.Network != nil {
		s.Deny = true
		for _, text := range r.Network.Allow {
			if p, err := netip.ParsePrefix(text); err == nil {
				s.Allow = append(s.Allow, p)
			}
		}
	}
	return s
}

// Name returns the registry's name.
func (r *Registry) Name() string { return r.set.Name }

// SKU returns the registry's tier.
func (r *Registry) SKU() string { return r.set.SKU }

// Settings returns the registry's settings.
func (r *Registry) Settings() Settings { return SettingsOf(r.set) }

// PutSettings stores the registry's settings.
func (r *Registry) PutSettings(s Settings) error {
	const op = "change the registry's settings"
	switch {
	case s.RoleAssignmentMode != service.ModeLegacy && s.RoleAssignmentMode != service.ModeABAC:
		return refusal.Usage(op, "the role assignment mode %s is neither %s nor %s",
			wording.Quote(s.RoleAssignmentMode), service.ModeLegacy, service.ModeABAC)
	case s.AnonymousPull && !service.HasAnonymousPull(r.set.SKU):
		return refusal.Usage(op, "the tier %s has no anonymous pull", r.set.SKU)
	case len(s.Allow) > MaxIPRules:
		return refusal.Usage(op, "there are more than %d IP rules", MaxIPRules)
	case !s.Deny && len(s.Allow) > 0:
		return refusal.Usage(op, "IP rules mean nothing while all addresses are allowed")
	}
	var rules *principal.Network
	if s.Deny {
		rules = &principal.Network{}
	}
	for _, p := range s.Allow {
		if !p.IsValid() {
			return refusal.Usage(op, "an IP rule is no address or network")
		}
		rules.Allow = append(rules.Allow, p.Masked().String())
	}
	next := *r.set
	next.Admin, next.Anonymous, next.Mode, next.NoArmTokens, next.Network =
		s.AdminUser, s.AnonymousPull, s.RoleAssignmentMode, !s.ArmTokens, rules
	r.put(&next)
	return nil
}

// PutRegistry makes a registry, or changes the one with its ID, as a seed says. What a
// seed does not say stays: identity, age and network rules.
func (tx *Tx) PutRegistry(next principal.RegistrySettings) (*Registry, error) {
	const op = "store the registry"
	next.Created, next.RID = tx.now, ""
	old, ok := tx.c.Registry(next.ID)
	if ok {
		next.Created, next.RID, next.Network = old.Created, old.RID, old.Network
	} else {
		next.RID = principal.NewRID()
	}
	limit, known := service.TierLimit(next.SKU)
	switch {
	case !known:
		return nil, refusal.Usage(op, "%s is none of %s, %s, %s", wording.Quote(next.SKU),
			service.Basic, service.Standard, service.Premium)
	case tx.c.ScopeMaps(next.ID) > limit:
		return nil, tooMany(op, &next, "scope maps", tx.c.ScopeMaps(next.ID), limit)
	case tx.c.Tokens(next.ID) > limit:
		return nil, tooMany(op, &next, "tokens", tx.c.Tokens(next.ID), limit)
	}
	r := &Registry{tx, &next}
	r.put(&next)
	return r, nil
}
