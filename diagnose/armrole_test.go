package diagnose

import "testing"

func TestRoleFor(t *testing.T) {
	for action, want := range map[string]string{
		"Microsoft.ContainerRegistry/registries/tokens/write":               contributor,
		"Microsoft.ContainerRegistry/registries/generateCredentials/action": contributor,
		"Microsoft.ContainerRegistry/registries/read":                       reader,
		"microsoft.containerregistry/registries/scopeMaps/read":             reader,
		"Microsoft.ContainerRegistry/registries/pull/read":                  "AcrPull",
		"Microsoft.ContainerRegistry/registries/push/write":                 "AcrPush",
		"Microsoft.ContainerRegistry/registries/importImage/action": "Container Registry Data Importer and " +
			"Data Reader",
		"Microsoft.Authorization/roleAssignments/read":           "Reader",
		"Microsoft.Authorization/roleDefinitions/read":           "Reader",
		"Microsoft.Authorization/roleAssignments/write":          "Role Based Access Control Administrator",
		"Microsoft.Resources/subscriptions/resourceGroups/write": "Contributor",
	} {
		if got := RoleFor(action); got != want {
			t.Errorf("%s: %q, want %q", action, got, want)
		}
	}
}

func TestScopeOfRole(t *testing.T) {
	const group = "/subscriptions/s/resourceGroups/g"
	const registry = group + "/providers/Microsoft.ContainerRegistry/registries/r"
	for resource, want := range map[string]string{
		group:                        group,
		registry:                     registry,
		registry + "/tokens/ci-pull": registry,
		registry + "/providers/Microsoft.Authorization/roleAssignments/1": registry,
		group + "/providers/Microsoft.Authorization/roleAssignments/1":    group,
	} {
		if got := scopeOfRole(resource); got != want {
			t.Errorf("%s: %s, want %s", resource, got, want)
		}
	}
}
