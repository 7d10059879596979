package arm

import (
	"net/http"
	"strings"
)

// What newer clients list beside registries and the emulator has none of.
var emptyLists = []string{"webhooks", "cacheRules", "credentialSets", "connectedRegistries",
	"privateEndpointConnections", "exportPipelines", "importPipelines", "pipelineRuns", "tasks", "runs", "agentPools"}

func replicationEndpoints() []endpoint {
	const read = provider + "/registries/replications/read"
	all := []endpoint{
		{method: http.MethodGet, path: inRegistry + "/replications", action: read, serve: listReplications},
		{method: http.MethodGet, path: inRegistry + "/replications/{replication}", action: read, serve: getReplication},
	}
	for _, kind := range emptyLists {
		all = append(all, endpoint{method: http.MethodGet, path: inRegistry + "/" + kind,
			action: provider + "/registries/" + kind + "/read",
			serve:  func(c *call) error { return c.answer(http.StatusOK, list{Value: []any{}}) }})
	}
	return all
}

// listReplications lists the registry's own region, which is the only one.
func listReplications(c *call) error {
	return c.answer(http.StatusOK, list{Value: []any{c.replicationForm()}})
}

func getReplication(c *call) error {
	if !strings.EqualFold(c.names["replication"], c.registry.Location) {
		return notInRegistry(c.names["replication"])
	}
	return c.answer(http.StatusOK, c.replicationForm())
}

func (c *call) replicationForm() any {
	x := c.registry
	return map[string]any{"type": provider + "/registries/replications",
		"id":   x.ResourceID() + "/replications/" + x.Location,
		"name": x.Location, "location": x.Location, "tags": map[string]string{}, "systemData": systemData(x, stamp),
		"properties": map[string]any{"provisioningState": "Succeeded", "regionEndpointEnabled": true,
			"zoneRedundancy": "Disabled", "status": map[string]string{"displayStatus": "Ready",
				"timestamp": stampZ(x.Created)}}}
}
