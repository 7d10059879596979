package service

import (
	"regexp"
	"strings"
	"sync"
)

// The operations of the registries' provider, below "Microsoft.ContainerRegistry/".
//
// Source: Microsoft, "Azure permissions for Containers", and the role Container Registry
// Repository Catalog Lister for catalog/read.
const (
	controlOperations = `
register/action unregister/action checkNameAvailability/read operations/read
locations/deleteVirtualNetworkOrSubnets/action locations/operationResults/read
registries/read registries/write registries/delete
registries/listCredentials/action registries/regenerateCredential/action registries/generateCredentials/action
registries/importImage/action registries/getBuildSourceUploadUrl/action registries/queueBuild/action
registries/listBuildSourceUploadUrl/action registries/scheduleRun/action
registries/privateEndpointConnectionsApproval/action
registries/agentpools/read registries/agentpools/write registries/agentpools/delete
registries/agentpools/listQueueStatus/action registries/agentpools/operationResults/status/read
registries/agentpools/operationStatuses/read
registries/artifacts/delete
registries/builds/read registries/builds/write registries/builds/getLogLink/action registries/builds/cancel/action
registries/buildTasks/read registries/buildTasks/write registries/buildTasks/delete
registries/buildTasks/listSourceRepositoryProperties/action registries/buildTasks/steps/read
registries/buildTasks/steps/write registries/buildTasks/steps/delete
registries/buildTasks/steps/listBuildArguments/action
registries/cacheRules/read registries/cacheRules/write registries/cacheRules/delete
registries/cacheRules/operationStatuses/read
registries/connectedRegistries/read registries/connectedRegistries/write registries/connectedRegistries/delete
registries/connectedRegistries/deactivate/action
registries/credentialSets/read registries/credentialSets/write registries/credentialSets/delete
registries/credentialSets/operationStatuses/read
registries/deleted/read registries/deleted/restore/action
registries/eventGridFilters/read registries/eventGridFilters/write registries/eventGridFilters/delete
registries/exportPipelines/read registries/exportPipelines/write registries/exportPipelines/delete
registries/importPipelines/read registries/importPipelines/write registries/importPipelines/delete
registries/listPolicies/read registries/listUsages/read
registries/metadata/read registries/metadata/write
registries/operationStatuses/read
registries/packages/archives/read registries/packages/archives/write registries/packages/archives/delete
registries/packages/archives/versions/read registries/packages/archives/versions/write
registries/packages/archives/versions/delete registries/packages/archives/versions/operationStatuses/read
registries/pipelineRuns/read registries/pipelineRuns/write registries/pipelineRuns/delete
registries/pipelineRuns/operationStatuses/read
registries/privateEndpointConnectionProxies/validate/action registries/privateEndpointConnectionProxies/read
registries/privateEndpointConnectionProxies/write registries/privateEndpointConnectionProxies/delete
registries/privateEndpointConnectionProxies/operationStatuses/read
registries/privateEndpointConnections/read registries/privateEndpointConnections/write
registries/privateEndpointConnections/delete registries/privateEndpointConnections/operationStatuses/read
registries/providers/Microsoft.Insights/diagnosticSettings/read
registries/providers/Microsoft.Insights/diagnosticSettings/write
registries/providers/Microsoft.Insights/logDefinitions/read
registries/providers/Microsoft.Insights/metricDefinitions/read
registries/pull/read registries/push/write registries/sign/write
registries/quarantine/read registries/quarantine/write
registries/replications/read registries/replications/write registries/replications/delete
registries/replications/operationStatuses/read
registries/runs/read registries/runs/write registries/runs/listLogSasUrl/action registries/runs/cancel/action
registries/scopeMaps/read registries/scopeMaps/write registries/scopeMaps/delete
registries/scopeMaps/operationStatuses/read
registries/taskruns/read registries/taskruns/write registries/taskruns/delete registries/taskruns/listDetails/action
registries/taskruns/operationStatuses/read
registries/tasks/read registries/tasks/write registries/tasks/delete registries/tasks/listDetails/action
registries/tokens/read registries/tokens/write registries/tokens/delete registries/tokens/operationStatuses/read
registries/updatePolicies/write
registries/webhooks/read registries/webhooks/write registries/webhooks/delete
registries/webhooks/getCallbackConfig/action registries/webhooks/ping/action registries/webhooks/listEvents/action
registries/webhooks/operationStatuses/read`

	dataOperations = `
registries/catalog/read
registries/quarantinedArtifacts/read registries/quarantinedArtifacts/write
registries/repositories/content/read registries/repositories/content/write registries/repositories/content/delete
registries/repositories/metadata/read registries/repositories/metadata/write
registries/repositories/metadata/delete
registries/trustedCollections/write`
)

const provider = "microsoft.containerregistry/"

var operations = [2]func() []string{lowerFields(controlOperations), lowerFields(dataOperations)}

// lowerFields returns the operations of a list, in lower case.
func lowerFields(text string) func() []string {
	return sync.OnceValue(func() (all []string) {
		for _, name := range strings.Fields(strings.ToLower(text)) {
			all = append(all, provider+name)
		}
		return all
	})
}

// actionRE is the form of an action, or of a pattern of actions.
var actionRE = regexp.MustCompile(`^[a-zA-Z0-9.*_/-]{1,512}$`)

// IsAction reports whether a role may have an action: one of the control plane, or one on
// data. It is that of an operation, or a pattern that matches one, where the provider is that
// of registries; the operations of other providers are not known here, so only the form
// counts. Azure refuses what matches no operation of any provider.
func IsAction(action string, onData bool) bool {
	if !actionRE.MatchString(action) || action != "*" && !strings.Contains(action, "/") {
		return false
	}
	pattern := strings.ToLower(action)
	if !strings.HasPrefix(pattern, provider) {
		return true
	}
	i := 0
	if onData {
		i = 1
	}
	for _, name := range operations[i]() {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}
