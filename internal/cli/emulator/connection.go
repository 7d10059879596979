package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/shell"
)

// connectionFile stands in the data folder, for "emulator env": where the
// emulator listens and what may be signed in with. It holds no secret.
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
}

// url returns the address as a URL.
func (c connection) url() string { return "https://" + c.LoginServer + "/" }

// loginServer returns the name a client should use for a listener: localhost
// where it stands for the address, because every client knows that name.
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

// describeSeed adds what a seed says about identities.
func (c *connection) describeSeed(seed *emulator.Seed) {
	if seed == nil {
		return
	}
	for _, t := range seed.Tenants {
		if len(t.Applications) > 0 {
			c.Tenant, c.Client = t.ID, t.Applications[0].ClientID
			break
		}
	}
	if len(seed.Subscriptions) > 0 {
		c.Subscription = seed.Subscriptions[0].ID
	}
	if len(seed.Registries) > 0 {
		for _, t := range seed.Registries[0].Tokens {
			if t.Status != "disabled" && len(t.Passwords) > 0 {
				c.Tokens = append(c.Tokens, t.Name)
			}
		}
	}
}

// takeOver fills what this start does not say from what an earlier one did: a
// folder with state is opened without its seed.
func (c *connection) takeOver(dir string) {
	old, err := readConnection(dir)
	if err != nil {
		return
	}
	c.Tenant, c.Client, c.Subscription, c.Tokens = old.Tenant, old.Client, old.Subscription, old.Tokens
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
	start := "acrkit emulator start --data " + shell.Quote(dir)
	// Who writes it says where clients send their credentials.
	data, ok, err := private.ReadSecret(filepath.Join(dir, connectionFile))
	if err == nil && !ok {
		return c, &acrkit.Error{Code: acrkit.CodeNotFound, Op: op, Reason: "none was started with this data folder",
			Hint: start + "    # or the folder of another one: acrkit emulator env --data DIR"}
	}
	if _, said := errors.AsType[*acrkit.Error](err); said {
		return c, err
	}
	if err != nil {
		return c, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Causes: []error{err}, Hint: start}
	}
	if err := json.Unmarshal(data, &c); err != nil || c.LoginServer == "" {
		return c, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: connectionFile + " is damaged", Hint: start}
	}
	return c, nil
}
