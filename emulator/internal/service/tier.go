package service

import "cmp"

// The tiers of a registry, which ARM calls SKU.
const (
	Basic    = "Basic"
	Standard = "Standard"
	Premium  = "Premium"
)

// OrPremium returns the tier, Premium for "".
func OrPremium(tier string) string { return cmp.Or(tier, Premium) }

// How many scope-mapped tokens, and how many scope maps of its user, a registry can
// have in each tier. Source: Microsoft, "Azure Container Registry service tiers".
const (
	//rule:emulator-limits-basic
	BasicLimit = 100
	//rule:emulator-limits-standard
	StandardLimit = 500
	//rule:emulator-limits-premium
	PremiumLimit = 50_000
)

// TierLimit returns the limit of a tier, and whether there is that tier.
func TierLimit(tier string) (int, bool) {
	switch OrPremium(tier) {
	case Basic:
		return BasicLimit, true
	case Standard:
		return StandardLimit, true
	case Premium:
		return PremiumLimit, true
	}
	return 0, false
}

// Usage has the limits that a registry's usage is compared with.
type Usage struct {
	Size                                  int64 // bytes that are included
	Webhooks, VNetRules, PrivateEndpoints int64
}

// UsageLimits returns the limits of a tier. Recorded of Standard and Premium; Microsoft,
// "Azure Container Registry service tiers", has those of Basic.
func UsageLimits(tier string) Usage {
	switch OrPremium(tier) {
	case Basic:
		return Usage{Size: 10 << 30, Webhooks: 2}
	case Standard:
		return Usage{Size: 100 << 30, Webhooks: 10}
	}
	return Usage{Size: 500 << 30, Webhooks: 500, VNetRules: 100, PrivateEndpoints: 200}
}

// HasAnonymousPull reports whether registries of the tier can have anonymous pull.
func HasAnonymousPull(tier string) bool { return tier != Basic }
