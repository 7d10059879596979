package arm

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/scopemap"
)

const scopeMaps = inRegistry + "/scopeMaps"

func scopeMapEndpoints() []endpoint {
	const read = provider + "/registries/scopeMaps/read"
	return []endpoint{
		{method: http.MethodGet, path: scopeMaps, action: read, serve: listScopeMaps},
		{method: http.MethodGet, path: scopeMaps + "/{name}", action: read, serve: getScopeMap},
	}
}

func listScopeMaps(c *call) error {
	return c.answer(http.StatusOK, listOf(c.scopeMaps(), nil, func(m scopeMapAt) any {
		return scopeMapForm(c.registry, m)
	}))
}

func getScopeMap(c *call) error {
	all := c.scopeMaps()
	i := slices.IndexFunc(all, func(m scopeMapAt) bool { return strings.EqualFold(m.Name, c.names["name"]) })
	if i < 0 {
		return notInRegistry(c.names["name"])
	}
	return c.answer(http.StatusOK, scopeMapForm(c.registry, all[i]))
}

type scopeMapAt struct {
	scopemap.Map
	created time.Time
}

// scopeMaps lists the service's own scope maps and those that users made.
func (c *call) scopeMaps() []scopeMapAt {
	var out []scopeMapAt
	for _, m := range scopemap.System() {
		out = append(out, scopeMapAt{m, c.registry.Created})
	}
	for _, m := range c.h.Store.ScopeMaps(c.registry.ID) {
		out = append(out, scopeMapAt{m.Map(), m.Created})
	}
	return out
}

func scopeMapForm(x *principal.RegistrySettings, m scopeMapAt) any {
	kind := "UserDefined"
	if m.System {
		kind = "SystemDefined"
	}
	return map[string]any{"type": provider + "/registries/scopeMaps", "id": x.ResourceID() + "/scopeMaps/" + m.Name,
		"name": m.Name,
		"properties": map[string]any{"description": m.Description, "type": kind, "creationDate": stamp(m.created),
			"provisioningState": "Succeeded", "actions": m.Lines()}}
}
