package pki

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// names are what an authority may certify: a host with all names below it, or the
// addresses of a network.
type names struct {
	hosts    []string       // lower case, sorted
	networks []netip.Prefix // sorted
}

// ownHost is this machine: with all names below it, as REGISTRY.azurecr.localhost
// and REGISTRY.blob.localhost (RFC 6761 §6.3).
const ownHost = "localhost"

// ownNetworks are this machine's addresses. One of each family is always listed: a
// family without an entry would be without limits (RFC 5280 §4.2.1.10).
//
//rule:authority-names-own-networks
var ownNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// hostName matches the names that a certificate may have. Underscores are in the
// names of containers.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

const maxHostName = 253 // RFC 1035 §2.3.4, without the last dot

// newNames returns this machine's names and these.
func newNames(more []string) (names, error) {
	n := names{hosts: []string{ownHost}, networks: slices.Clone(ownNetworks)}
	for _, name := range more {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			if !addr.IsLoopback() {
				n.networks = append(n.networks, netip.PrefixFrom(addr, addr.BitLen()))
			}
			continue
		}
		if len(name) > maxHostName || !hostName.MatchString(name) {
			return names{}, &acrkit.Error{
				Code:   acrkit.CodeUsage,
				Op:     "certify a host name",
				Reason: fmt.Sprintf("%q is not a host name or an address without a port", name),
			}
		}
		if !isBelow(name, ownHost) {
			n.hosts = append(n.hosts, name)
		}
	}
	slices.Sort(n.hosts)
	n.hosts = slices.Compact(n.hosts)
	slices.SortFunc(n.networks, comparePrefixes)
	n.networks = slices.Compact(n.networks)
	return n, nil
}

func comparePrefixes(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) }

// isBelow reports whether a name is a host's or below it.
func isBelow(name, host string) bool { return name == host || strings.HasSuffix(name, "."+host) }

// contain reports whether a certificate may be for the name or address.
func (n names) contain(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(n.networks, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
	}
	return slices.ContainsFunc(n.hosts, func(host string) bool { return isBelow(name, host) })
}

// constrain writes the names as the limits of an authority's certificate. The
// extension is critical: a client that does not know it must refuse the certificate.
func (n names) constrain(c *x509.Certificate) {
	//rule:authority-names-constrain
	c.PermittedDNSDomainsCritical = true
	//rule:authority-names-constrain-2
	c.PermittedDNSDomains = n.hosts
	for _, p := range n.networks {
		c.PermittedIPRanges = append(
			c.PermittedIPRanges,
			&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
		)
	}
}

// namesIn reads the limits of an authority's certificate.
func namesIn(c *x509.Certificate) names {
	n := names{hosts: slices.Sorted(slices.Values(c.PermittedDNSDomains))}
	for _, r := range c.PermittedIPRanges {
		addr, _ := netip.AddrFromSlice(r.IP)
		bits, _ := r.Mask.Size()
		n.networks = append(n.networks, netip.PrefixFrom(addr, bits))
	}
	slices.SortFunc(n.networks, comparePrefixes)
	return n
}

func (n names) equal(m names) bool {
	return slices.Equal(n.hosts, m.hosts) && slices.Equal(n.networks, m.networks)
}

// String lists the names, this machine's addresses as one.
func (n names) String() string {
	all := slices.Clone(n.hosts)
	for _, p := range n.networks {
		switch {
		case slices.Contains(ownNetworks, p):
		case p.IsSingleIP():
			all = append(all, p.Addr().String())
		default:
			all = append(all, p.String())
		}
	}
	return strings.Join(all, ", ")
}
