package emulator

import (
	"cmp"
	"net"
	"slices"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// connection says how to reach the emulator that start runs.
type connection target.Connection

// url returns the address as a URL.
func (c connection) url() string { return "https://" + c.LoginServer + "/" }

// loginServer returns the name a client should use for a listener: localhost where that
// is its address, because every client knows that name.
func loginServer(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil &&
		(ip.IsUnspecified() || ip.IsLoopback() && (ip.Equal(net.IPv6loopback) || ip.Equal(net.IPv4(127, 0, 0, 1)))) {
		host = "localhost"
	}
	if port == "443" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// describe adds what the emulator holds: an earlier start may have applied the seed,
// and commands change it. Tokens come in the order of the seed, nil or not, and then
// by name.
func (c *connection) describe(e *emulator.Emulator, s *seed.Seed) error {
	for _, a := range e.Applications() {
		c.Applications = append(c.Applications, target.Application{Tenant: a.TenantID, Client: a.ClientID,
			ObjectID: a.ObjectID, Manages: a.Manages})
	}
	if len(c.Applications) > 0 {
		c.Tenant, c.Client = c.Applications[0].Tenant, c.Applications[0].Client
	}
	if all := e.Subscriptions(); len(all) > 0 {
		c.Subscription = all[0]
	}
	if len(c.Registries) == 0 {
		return nil
	}
	reg, err := e.Registry(c.Registries[0])
	if err != nil {
		return err
	}
	for _, t := range reg.Tokens() {
		if !t.Disabled && len(t.Passwords) > 0 {
			c.Tokens = append(c.Tokens, t.Name)
		}
	}
	if s == nil || len(s.Registries) == 0 {
		return nil
	}
	place := func(name string) int {
		i := slices.IndexFunc(s.Registries[0].Tokens, func(t seed.Token) bool { return t.Name == name })
		if i < 0 {
			return len(s.Registries[0].Tokens)
		}
		return i
	}
	slices.SortStableFunc(c.Tokens, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return nil
}

func (c connection) save(dir string) error { return target.Connection(c).Save(dir) }

func readConnection(dir string) (connection, error) {
	c, err := target.ReadConnection(dir)
	return connection(c), err
}
