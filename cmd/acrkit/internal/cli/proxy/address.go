package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/internal/pki"
)

// address is how the proxy is reached.
type address struct {
	scheme string
	host   string   // localhost:PORT, for people and variables
	names  []string // without port: what certificates are for
	hosts  []string // what a Host header may be
}

func (a address) url() string { return a.scheme + "://" + a.host }

// addressOf returns the names of a listener: this machine's usual ones, the one it
// listens on, and those of --hostname.
func addressOf(addr net.Addr, opts *Options) address {
	a := address{scheme: "https"}
	if opts.HTTP {
		a.scheme = "http"
	}
	host, port, _ := net.SplitHostPort(addr.String()) // of a listener on TCP
	a.names = []string{"localhost", "127.0.0.1", "::1"}
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() {
		a.names = append(a.names, ip.Unmap().WithZone("").String())
	}
	for _, name := range opts.Hostnames {
		a.names = append(a.names, strings.ToLower(name))
	}
	slices.Sort(a.names)
	a.names = slices.Compact(a.names)
	for _, name := range a.names {
		a.hosts = append(a.hosts, net.JoinHostPort(name, port))
		if port == map[string]string{"https": "443", "http": "80"}[a.scheme] {
			if strings.Contains(name, ":") {
				name = "[" + name + "]"
			}
			a.hosts = append(a.hosts, name)
		}
	}
	// Every client knows localhost; another address is named as it is.
	first := "localhost"
	if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() &&
		ip != netip.AddrFrom4([4]byte{127, 0, 0, 1}) && ip != netip.IPv6Loopback() {
		first = host
	}
	a.host = net.JoinHostPort(first, port)
	return a
}

// tlsListener serves TLS for these names only.
func tlsListener(l net.Listener, ca *pki.Authority, names []string) net.Listener {
	return tls.NewListener(l, ca.TLSConfig(func(name string) bool { return slices.Contains(names, name) }))
}
