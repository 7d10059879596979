package service

import "net/netip"

// MaxIPRules is how many IP rules a registry can have (recorded: listUsages).
//
//rule:emulator-limits-max-ip-rules
const MaxIPRules = 100

// ParseIPRule reads the value of an IP rule: an address or a network.
func ParseIPRule(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
