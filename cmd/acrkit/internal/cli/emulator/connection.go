package emulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// connectionFile is a file in the data folder, for "emulator env": where the emulator
// listens and which credentials it has. It holds no secret.
const connectionFile = "connection.json"

// connection says how to reach an emulator.
type connection struct {
	LoginServer  string   `json:"loginServer"` // of the first registry: localhost:5443
	Registries   []string `json:"registries"`  // names, the first answers on the address itself
	CAFile       string   `json:"caFile"`
	DataDir      string   `json:"dataDir"` // "" in memory
	Tenant       string   `json:"tenantId"`
	Client       string   `json:"clientId"`
	Subscription string   `json:"subscriptionId"`
	Tokens       []string `json:"tokens"` // names of scope-mapped tokens with a password
	// Seed is where their passwords are: exampleSeed, the path of a file, or "" if that
	// is not known.
	Seed string `json:"seed,omitzero"`
}

// url returns the address as a URL.
func (c connection) url() string { return "https://" + c.LoginServer + "/" }

// loginServer returns the name a client should use for a listener: localhost where that
// is its address, because every client knows that name.
func loginServer(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsLoopback() && (ip.Equal(net.IPv6loopback) || ip.Equal(net.IPv4(127, 0, 0, 1)))) {
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
	if all := e.Applications(); len(all) > 0 {
		c.Tenant, c.Client = all[0].TenantID, all[0].ClientID
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

func (c connection) save(dir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return private.FastDisk().WriteFile(filepath.Join(dir, connectionFile), append(data, '\n'), 0o600)
}

func readConnection(dir string) (connection, error) {
	var c connection
	op := fmt.Sprintf("find an emulator in %q", dir)
	facts := map[string]string{"dir": shell.Quote(dir)}
	start := sentence.Fix(sentence.StartWithFolder, facts)
	// Who writes it says where clients send their credentials.
	//rule:secret-files-read-connection
	data, ok, err := private.ReadSecret(filepath.Join(dir, connectionFile))
	if err == nil && !ok {
		return c, &acrkit.Error{Code: acrkit.CodeNotFound, Op: op, Reason: "none was started with this data folder",
			Hint: sentence.Fix(sentence.StartOrNameFolder, facts)}
	}
	if _, said := errors.AsType[*acrkit.Error](err); said {
		return c, err
	}
	if err != nil {
		return c, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}, Hint: start}
	}
	if err := json.Unmarshal(data, &c); err != nil || c.LoginServer == "" {
		return c, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: connectionFile + " is damaged", Hint: start}
	}
	return c, nil
}
