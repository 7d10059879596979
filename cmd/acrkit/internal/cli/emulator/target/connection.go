package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// ConnectionFile is a file in the data folder, for "emulator env": where the emulator
// listens and which credentials it has. It holds no secret.
const ConnectionFile = "connection.json"

// A Connection says how to reach an emulator.
type Connection struct {
	LoginServer  string   `json:"loginServer"` // of the first registry: localhost:5443
	Registries   []string `json:"registries"`  // names, the first answers on the address itself
	CAFile       string   `json:"caFile"`
	DataDir      string   `json:"dataDir"` // "" in memory
	Tenant       string   `json:"tenantId"`
	Client       string   `json:"clientId"`
	Subscription string   `json:"subscriptionId"`
	Tokens       []string `json:"tokens"` // names of scope-mapped tokens with a password
	// Seed is where their passwords are: "example", the absolute path of a file, or "" if that
	// is not known.
	Seed string `json:"seed,omitzero"`
	// Applications are those that may sign in, by client id.
	Applications []Application `json:"applications,omitzero"`
}

// An Application may sign in.
type Application struct {
	Tenant   string `json:"tenantId"`
	Client   string `json:"clientId"`
	ObjectID string `json:"objectId"` // of its service principal
	Manages  bool   `json:"manages"`  // it has a role on a subscription or on a resource group
}

// Save writes it into a data folder.
func (c Connection) Save(dir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return private.FastDisk().WriteFile(filepath.Join(dir, ConnectionFile), append(data, '\n'), 0o600)
}

// ReadConnection reads what an emulator that was started with the folder has written there.
func ReadConnection(dir string) (Connection, error) {
	var c Connection
	op := fmt.Sprintf("find an emulator in %q", dir)
	facts := map[string]string{"dir": shell.Quote(dir)}
	start := sentence.Fix(sentence.StartWithFolder, facts)
	// Who writes it says where clients send their credentials.
	//rule:secret-files-read-connection
	data, ok, err := private.ReadSecret(filepath.Join(dir, ConnectionFile))
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
		return c, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: ConnectionFile + " is damaged", Hint: start}
	}
	return c, nil
}
