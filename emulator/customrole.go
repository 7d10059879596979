package emulator

import (
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/service"
)

// SetCustomRole lets an application do in Azure Resource Manager what a custom role of these
// actions allows, in place of what its roles allow there; where it has them stays. It is for
// tests of which actions a program needs: the role is in no list, and ends with the process.
func (e *Emulator) SetCustomRole(clientID string, actions ...string) {
	e.custom.Store(strings.ToLower(clientID), service.Control{Actions: actions})
}

// customRole returns what SetCustomRole has set.
func (e *Emulator) customRole(clientID string) (service.Control, bool) {
	c, ok := e.custom.Load(strings.ToLower(clientID))
	if !ok {
		return service.Control{}, false
	}
	return c.(service.Control), true
}
