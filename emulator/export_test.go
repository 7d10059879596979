package emulator

import (
	"context"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/arm"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/seed"
)

// CollectIdle collects as a listener does from time to time.
func CollectIdle(ctx context.Context, e *Emulator) error {
	_, err := e.content.CollectIdle(ctx)
	return err
}

// ARMEndpoints returns method and path of each endpoint of Azure Resource Manager.
func ARMEndpoints() []string { return arm.Endpoints() }

// ExportOf is Export with another limit.
func ExportOf(ctx context.Context, e *Emulator, most int) (*seed.Seed, error) {
	s, _, err := e.export(ctx, most)
	return s, err
}

// UnderWay returns how many requests are under way.
func (e *Emulator) UnderWay() int64 { return e.fails.Gate.UnderWay() }

// ControlAPI returns method and path of each operation of the control API.
func ControlAPI() (out [][2]string) {
	for _, r := range controlAPI() {
		out = append(out, [2]string{r.op.Method(), "/" + r.op.Path()})
	}
	return out
}

// AuthorizeGone decides on a request to a registry that a reset has removed.
func AuthorizeGone(e *Emulator, r *http.Request) error {
	_, err := e.authorize(r, dataplane.Endpoint{ID: -1, Name: "gone"}, acrkit.Scope{})
	return err
}

// EntraToken issues an Entra token of an application for any resource.
func EntraToken(e *Emulator, clientID, resource string) (string, error) {
	a, _ := e.ids.Application(clientID)
	return e.entra.Tokens.Issue(a, resource, entra.BySecret)
}

// RegistryAt returns the name of the registry that a host names, "" if there is none.
func (e *Emulator) RegistryAt(host string) string {
	if reg, ok := e.resolve(host); ok {
		return reg.Name
	}
	return ""
}

// LoginServerOf returns the address of a registry for a client that has asked at a host.
func (e *Emulator) LoginServerOf(host, name string) string {
	reg, ok := e.ids.RegistryByName(name)
	if !ok {
		return ""
	}
	return e.loginServerOf(host, reg)
}

// CertifiesOrSays is what TLS asks for a name.
func (e *Emulator) CertifiesOrSays(name string) bool { return e.certifiesOrSays(name) }
