package arm

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
)

// The providers and the resource types that the emulator has.
func providers() map[string][]string {
	return map[string][]string{
		provider: {"registries", "registries/scopeMaps", "registries/tokens", "registries/replications",
			"checkNameAvailability", "locations/operationResults"},
		"Microsoft.Resources":     {"subscriptions", "resourceGroups", "providers", "resources"},
		"Microsoft.Authorization": {"roleAssignments", "roleDefinitions"},
	}
}

// apiVersions are those that clients are known to send. All are answered alike.
func apiVersions(namespace string) []string {
	switch namespace {
	case provider:
		return []string{"2025-11-01", "2024-11-01-preview", "2023-07-01", "2022-02-01-preview", "2019-05-01"}
	case "Microsoft.Authorization":
		return []string{"2022-05-01-preview", "2022-04-01"}
	}
	return []string{"2023-07-01", "2022-09-01", "2021-04-01", "2020-06-01"}
}

// locations are regions with their names for people.
func locations() [][2]string {
	return [][2]string{{"eastus", "East US"}, {"eastus2", "East US 2"}, {"westus", "West US"}, {"westus2", "West US 2"},
		{"westus3", "West US 3"}, {"centralus", "Central US"}, {"southcentralus", "South Central US"},
		{"northcentralus", "North Central US"}, {"canadacentral", "Canada Central"}, {"brazilsouth", "Brazil South"},
		{"northeurope", "North Europe"}, {"westeurope", "West Europe"}, {"uksouth", "UK South"}, {"ukwest", "UK West"},
		{"francecentral", "France Central"}, {"germanywestcentral", "Germany West Central"},
		{"switzerlandnorth", "Switzerland North"}, {"swedencentral", "Sweden Central"}, {"norwayeast", "Norway East"},
		{"southeastasia", "Southeast Asia"}, {"eastasia", "East Asia"}, {"japaneast", "Japan East"},
		{"koreacentral", "Korea Central"}, {"australiaeast", "Australia East"}, {"centralindia", "Central India"},
		{"southafricanorth", "South Africa North"}, {"uaenorth", "UAE North"}}
}

func providerEndpoints() []endpoint {
	const one = inSubscription + "/providers/{namespace}"
	return []endpoint{
		{method: http.MethodGet, path: inSubscription + "/providers", serve: listProviders},
		{method: http.MethodGet, path: one, serve: getProvider},
		{method: http.MethodPost, path: one + "/register", serve: registerProvider},
		{method: http.MethodGet, path: inSubscription + "/locations", serve: listLocations},
	}
}

// listProviders and getProvider answer all who see the subscription (believed).
func listProviders(c *call) error {
	if !c.reaches(principal.SubscriptionID(c.subscription.ID)) {
		return c.forbidden("Microsoft.Resources/subscriptions/providers/read", c.scope)
	}
	all := list{Value: []any{}}
	for _, namespace := range []string{"Microsoft.Authorization", provider, "Microsoft.Resources"} {
		all.Value = append(all.Value, c.providerForm(namespace))
	}
	return c.answer(http.StatusOK, all)
}

func getProvider(c *call) error {
	if !c.reaches(principal.SubscriptionID(c.subscription.ID)) {
		return c.forbidden("Microsoft.Resources/subscriptions/providers/read", c.scope)
	}
	return c.answerProvider()
}

// registerProvider registers nothing: all providers are registered.
func registerProvider(c *call) error {
	namespace, _ := findNamespace(c.names["namespace"])
	id := principal.SubscriptionID(c.subscription.ID)
	if action := namespace + "/register/action"; !c.can(action, id) {
		return c.forbidden(action, id)
	}
	return c.answerProvider()
}

func (c *call) answerProvider() error {
	namespace, ok := findNamespace(c.names["namespace"])
	if !ok {
		return &failure{http.StatusNotFound, "InvalidResourceNamespace",
			fmt.Sprintf("The resource namespace '%s' is invalid.", clip(c.names["namespace"]))}
	}
	return c.answer(http.StatusOK, c.providerForm(namespace))
}

func findNamespace(name string) (string, bool) {
	for namespace := range providers() {
		if strings.EqualFold(namespace, name) {
			return namespace, true
		}
	}
	return name, false
}

func (c *call) providerForm(namespace string) any {
	regions := []string{}
	for _, l := range locations() {
		regions = append(regions, l[1])
	}
	types := []any{}
	for _, t := range providers()[namespace] {
		types = append(types, map[string]any{"resourceType": t, "locations": regions,
			"apiVersions": apiVersions(namespace), "capabilities": "None"})
	}
	return map[string]any{"id": principal.SubscriptionID(c.subscription.ID) + "/providers/" + namespace,
		"namespace": namespace, "registrationPolicy": "RegistrationRequired", "registrationState": "Registered",
		"resourceTypes": types}
}

func listLocations(c *call) error {
	if !c.reaches(principal.SubscriptionID(c.subscription.ID)) {
		return c.forbidden("Microsoft.Resources/subscriptions/locations/read", c.scope)
	}
	return c.answer(http.StatusOK, listOf(locations(), nil, func(l [2]string) any {
		return map[string]any{"id": principal.SubscriptionID(c.subscription.ID) + "/locations/" + l[0], "name": l[0],
			"displayName": l[1], "regionalDisplayName": l[1], "type": "Region",
			"metadata": map[string]any{"regionType": "Physical", "regionCategory": "Recommended"}}
	}))
}
