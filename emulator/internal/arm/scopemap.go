package arm

import (
	"net/http"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	scopeMaps = inRegistry + "/scopeMaps"
	scopeMap  = scopeMaps + "/{name}"
)

func scopeMapEndpoints() []endpoint {
	const action = provider + "/registries/scopeMaps/"
	return []endpoint{
		{method: http.MethodGet, path: scopeMaps, action: action + "read", serve: listScopeMaps},
		{method: http.MethodGet, path: scopeMap, action: action + "read", serve: getScopeMap},
		{method: http.MethodPut, path: scopeMap, action: action + "write", serve: putScopeMap},
		{method: http.MethodPatch, path: scopeMap, action: action + "write", serve: patchScopeMap},
		{method: http.MethodDelete, path: scopeMap, action: action + "delete", serve: deleteScopeMap},
	}
}

func listScopeMaps(c *call) error {
	all := []scopeMapAt{}
	for _, m := range scopemap.System() {
		all = append(all, scopeMapAt{m, c.registry.Created})
	}
	for _, m := range c.h.Store.ScopeMaps(c.registry.ID) {
		all = append(all, scopeMapAt{m.Map(), m.Created})
	}
	return answerPage(c, all, func(m scopeMapAt) string { return m.Name }, c.scopeMapForm)
}

func getScopeMap(c *call) error { return c.answerChild(c.scopeMap()) }

// scopeMapBody is a request to make or change a scope map.
type scopeMapBody struct {
	Properties struct {
		Description *string  `json:"description"`
		Actions     []string `json:"actions"`
	} `json:"properties"`
}

// scopeMapRequest reads a request to make or change a scope map.
func (c *call) scopeMapRequest() (in scopeMapBody, err error) {
	if err := c.decode(&in); err != nil {
		return in, err
	}
	if err := checkName(c.names["name"]); err != nil {
		return in, err
	}
	for _, line := range in.Properties.Actions {
		if _, err := scopemap.ParseRule(line); err != nil {
			// The text is reported (Azure/acr#639), the code believed.
			return in, invalid("ScopeMapActionInvalid", "Scope map action: '%s' is invalid or not supported. "+
				"Supported format is <resource type>/<resource name>/<resource action>, all characters should be in "+
				"lowercase. Please refer to the ACR Scopemap documentation at https://aka.ms/acr/repo-permissions to "+
				"find the supported resources and actions.", clip(line))
		}
	}
	return in, nil
}

// checkName refuses the names that the service keeps for its own scope maps. Reported
// (Azure/acr#312) of a PUT; believed of other changes, and how the text ends.
func checkName(name string) error {
	//rule:arm-system-scope-map
	if !strings.HasPrefix(name, "_") {
		return nil
	}
	return invalid("ResourceNameWithHyphenInvalid", "Invalid resource name: '%s'. Resource names must contain only "+
		"alphanumeric characters optionally separated by '-'. The total length of the name including hyphens should "+
		"be at least 5 and less than 50 characters. Also, '_' is reserved for system defined resources. For more "+
		"information on repository permissions, see https://aka.ms/acr/repo-permissions.", clip(name))
}

// putScopeMap is recorded: 200 for a new one too, with all done.
func putScopeMap(c *call) error {
	in, err := c.scopeMapRequest()
	if err != nil {
		return err
	}
	m := seed.ScopeMap{Name: c.names["name"], Actions: in.Properties.Actions}
	if in.Properties.Description != nil {
		m.Description = *in.Properties.Description
	}
	if err := c.updateRegistry(func(r *write.Registry) error { return r.PutScopeMap(m) }); err != nil {
		return err
	}
	return c.reportScopeMap("Creating", AtOnce)
}

// patchScopeMap is recorded: 201, then an operation.
func patchScopeMap(c *call) error {
	in, err := c.scopeMapRequest()
	if err != nil {
		return err
	}
	if _, ok := c.scopeMap(); !ok {
		return notInRegistry(c.names["name"])
	}
	err = c.updateRegistry(func(r *write.Registry) error {
		return r.ChangeScopeMap(c.names["name"], write.ScopeMapChange{
			Description: in.Properties.Description, Actions: in.Properties.Actions})
	})
	if err != nil {
		return err
	}
	return c.reportScopeMap("Updating", AsyncOperation)
}

func deleteScopeMap(c *call) error {
	name := c.names["name"]
	if err := checkName(name); err != nil {
		return err
	}
	x, found := c.scopeMap()
	return c.removeChild(x, found, func(r *write.Registry) error { return r.DeleteScopeMap(name) })
}

// reportScopeMap answers a change of the scope map that the path names.
func (c *call) reportScopeMap(doing string, style Style) error {
	x, found := c.scopeMap()
	return c.reportChild(x, found, doing, style)
}

type scopeMapAt struct {
	scopemap.Map
	created time.Time
}

// scopeMap finds the scope map that the path names.
func (c *call) scopeMap() (child, bool) {
	var m scopeMapAt
	stored, ok := c.h.Store.StoredScopeMap(c.registry.ID, c.names["name"])
	if ok {
		m = scopeMapAt{stored.Map(), stored.Created}
	} else {
		m.created = c.registry.Created
		m.Map, ok = c.h.Store.ScopeMap(c.registry.ID, c.names["name"])
	}
	return child{"scopemap", c.scopeMapID(m.Name), func() any { return c.scopeMapForm(m) }}, ok
}

func (c *call) scopeMapID(name string) string { return c.registry.ResourceID() + "/scopeMaps/" + name }

// scopeMapForm describes a scope map. One without a description has none (recorded).
func (c *call) scopeMapForm(m scopeMapAt) any {
	properties := map[string]any{"type": "UserDefined", "creationDate": stamp(m.created),
		"provisioningState": c.h.stateOf(c.scopeMapID(m.Name)), "actions": m.Lines()}
	if principal.IsSystemScopeMap(m.Name) {
		properties["type"] = "SystemDefined"
	}
	if m.Description != "" {
		properties["description"] = m.Description
	}
	return map[string]any{"type": provider + "/registries/scopeMaps", "id": c.scopeMapID(m.Name), "name": m.Name,
		"properties": properties}
}
