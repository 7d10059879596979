package write

import (
	"maps"
	"net/netip"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/wording"
)

// Settings are the settings of a registry that can be changed.
type Settings struct {
	AdminUser          bool
	AnonymousPull      bool
	RoleAssignmentMode string
	ArmTokens          bool
	Deny               bool           // refuse all addresses outside Allow
	Allow              []netip.Prefix // addresses and networks that are not refused
	NoPublicAccess     bool           // refuse all addresses
	SKU                string         // the tier
	Tags               map[string]string
	Kept               map[string]string // see [principal.RegistrySettings]; the caller checks them
}

// SettingsOf returns the settings of a registry.
func SettingsOf(r *principal.RegistrySettings) Settings {
	s := Settings{AdminUser: r.Admin, AnonymousPull: r.Anonymous, RoleAssignmentMode: r.Mode, ArmTokens: !r.NoArmTokens,
		NoPublicAccess: r.NoPublic, SKU: r.SKU, Tags: maps.Clone(r.Tags), Kept: maps.Clone(r.Kept)}
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
	case s.AnonymousPull && !service.HasAnonymousPull(s.SKU):
		return refusal.Usage(op, "the tier %s has no anonymous pull", s.SKU)
	case len(s.Allow) > service.MaxIPRules:
		return refusal.Usage(op, "there are more than %d IP rules", service.MaxIPRules)
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
	next.NoPublic, next.SKU, next.Tags, next.Kept = s.NoPublicAccess, s.SKU, s.Tags, s.Kept
	if err := r.tx.fits(op, &next); err != nil {
		return err
	}
	if err := checkTags(op, s.Tags); err != nil {
		return err
	}
	next.Changed = r.tx.now
	r.put(&next)
	return nil
}

// fits refuses a tier that does not exist or is too small for what the registry has.
func (tx *Tx) fits(op string, r *principal.RegistrySettings) error {
	limit, known := service.TierLimit(r.SKU)
	switch {
	case !known:
		return refusal.Usage(op, "%s is none of %s, %s, %s", wording.Quote(r.SKU),
			service.Basic, service.Standard, service.Premium)
	case tx.c.ScopeMaps(r.ID) > limit:
		return tooMany(op, r, "scope maps", tx.c.ScopeMaps(r.ID), limit)
	case tx.c.Tokens(r.ID) > limit:
		return tooMany(op, r, "tokens", tx.c.Tokens(r.ID), limit)
	}
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
		next.NoPublic, next.Tags, next.Renewed, next.Kept = old.NoPublic, old.Tags, old.Renewed, old.Kept
	} else {
		next.RID = principal.NewRID()
	}
	if err := tx.fits(op, &next); err != nil {
		return nil, err
	}
	r := &Registry{tx, &next}
	r.put(&next)
	return r, nil
}
