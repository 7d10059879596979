package rehearsal

import (
	"net/http"
	"net/netip"

	"github.com/acrkit/acrkit/emulator/internal/principal"
)

// Allows reports whether network rules allow a client's address, and returns the
// address.
func Allows(n *principal.Network, r *http.Request) (addr string, ok bool) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr, false
	}
	ip := from.Addr().Unmap().WithZone("")
	for _, rule := range n.Allow {
		if p, err := netip.ParsePrefix(rule); err == nil && p.Contains(ip) {
			return ip.String(), true
		}
	}
	return ip.String(), false
}
