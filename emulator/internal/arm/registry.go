package arm

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
)

const (
	readRegistry   = provider + "/registries/read"
	writeRegistry  = provider + "/registries/write"
	deleteRegistry = provider + "/registries/delete"
)

func registryEndpoints() []endpoint {
	const checkName = "/providers/" + provider + "/checkNameAvailability"
	return []endpoint{
		{method: http.MethodGet, path: inSubscription + registries, serve: listRegistries},
		{method: http.MethodGet, path: inGroup + registries, serve: listRegistries},
		{method: http.MethodGet, path: inRegistry, action: readRegistry, serve: getRegistry},
		{method: http.MethodPut, path: inRegistry, action: writeRegistry, serve: putRegistry, mayBeNew: true},
		{method: http.MethodPatch, path: inRegistry, action: writeRegistry, serve: patchRegistry},
		{method: http.MethodDelete, path: inRegistry, action: deleteRegistry, serve: removeRegistry, mayBeNew: true},
		{method: http.MethodGet, path: inRegistry + "/listUsages", action: provider + "/registries/listUsages/read",
			serve: listUsages},
		{method: http.MethodPost, path: inRegistry + "/listCredentials",
			action: provider + "/registries/listCredentials/action", serve: listCredentials},
		{method: http.MethodPost, path: inRegistry + "/regenerateCredential",
			action: provider + "/registries/regenerateCredential/action", serve: regenerateCredential},
		{method: http.MethodPost, path: inSubscription + checkName,
			action: provider + "/checkNameAvailability/read", serve: checkNameAvailability},
		{method: http.MethodPost, path: inGroup + checkName,
			action: provider + "/checkNameAvailability/read", serve: checkNameAvailability},
	}
}

func listRegistries(c *call) error {
	return answerPage(c, c.registries(), registryName, c.registryForm)
}

func registryName(x *principal.RegistrySettings) string { return x.Name }

func getRegistry(c *call) error { return c.answer(http.StatusOK, c.registryForm(c.registry)) }

// putRegistry makes a registry, or changes one as a PATCH does: what the body does not
// name stays (believed). It answers 200 in both cases (recorded).
func putRegistry(c *call) error {
	var in registryBody
	if err := c.decode(&in); err != nil {
		return err
	}
	name, doing := c.names["registry"], "Creating"
	err := c.update(func(tx *write.Tx) error {
		r, ok := tx.FindRegistry(name)
		switch {
		case ok && !r.IsIn(c.subscription.ID, c.group.Name):
			return &providerFailure{failure{http.StatusConflict, "AlreadyInUse", fmt.Sprintf(
				"The registry DNS name %s is already in use. You can check if the name is already claimed using "+
					"following API: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/"+
					"checknameavailability", clip(name))}}
		case ok && in.Location != "" && region(in.Location) != r.Location():
			return &failure{http.StatusConflict, "InvalidResourceLocation", fmt.Sprintf("The resource '%s' already "+
				"exists in location '%s' in resource group '%s'. A resource with the same name cannot be created in "+
				"location '%s'. Please select a new resource name.",
				clip(name), r.Location(), c.group.Name, clip(region(in.Location)))}
		case ok:
			doing = "Updating"
		case in.Location == "":
			return &failure{http.StatusBadRequest, "LocationRequired",
				"The location property is required for this definition."}
		case in.SKU == nil:
			return invalid("InvalidSku", "The SKU of the registry %s is missing.", clip(name))
		default:
			var err error
			if r, err = tx.CreateRegistry(c.r.Context(), write.NewRegistry{Name: name,
				Subscription: c.subscription.ID, Group: c.group.Name, Location: region(in.Location),
				SKU: skuName(in.SKU.Name)}); err != nil {
				return err
			}
		}
		return in.apply(r)
	})
	if err != nil {
		return err
	}
	return c.reportRegistry(doing)
}

func patchRegistry(c *call) error {
	var in registryBody
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := c.updateRegistry(in.apply); err != nil {
		return err
	}
	return c.reportRegistry("Updating")
}

// reportRegistry answers with the registry as it now is.
func (c *call) reportRegistry(doing string) error {
	x, ok := c.h.Store.RegistryByName(c.names["registry"])
	if !ok { // deleted meanwhile
		return notFound(provider+"/registries/"+c.names["registry"], c.group.Name)
	}
	return c.report(operation{kind: "registry", resource: x.ResourceID(), location: x.Location, doing: doing,
		style: AtOnce}, func() any { return c.registryForm(x) })
}

// removeRegistry answers 204 if there is none, as ARM documents for all resources.
func removeRegistry(c *call) error {
	if c.registry == nil {
		return c.empty(http.StatusNoContent)
	}
	if err := c.updateRegistry(func(r *write.Registry) error { r.Delete(); return nil }); err != nil {
		return err
	}
	return c.report(operation{kind: "registry", resource: c.registry.ResourceID(), location: c.registry.Location,
		doing: "Deleting", style: AtOnce}, nil)
}

func checkNameAvailability(c *call) error {
	var in struct{ Name, Type string }
	if err := c.decode(&in); err != nil {
		return err
	}
	answer := map[string]any{"nameAvailable": true}
	_, taken := c.h.Store.RegistryByName(in.Name)
	switch {
	case !strings.EqualFold(in.Type, provider+"/registries"):
		return invalid("InvalidResourceType", "The resource type '%s' is not valid.", clip(in.Type))
	case !seed.IsRegistryName(in.Name):
		answer = map[string]any{"nameAvailable": false, "reason": "Invalid", "message": fmt.Sprintf(
			"The registry name %s is invalid: it has 5 to 50 letters and digits.", clip(in.Name))}
	case taken:
		answer = map[string]any{"nameAvailable": false, "reason": "AlreadyExists",
			"message": fmt.Sprintf("The registry %s is already in use.", in.Name)}
	}
	return c.answer(http.StatusOK, answer)
}

// listUsages answers with the limits of the tier (recorded of Standard and Premium).
func listUsages(c *call) error {
	size, err := c.h.Size(c.r.Context(), c.registry.ID)
	if err != nil {
		return err
	}
	usage := func(name string, limit, current int64, unit string) any {
		return map[string]any{"name": name, "limit": limit, "currentValue": current, "unit": unit}
	}
	limits := service.UsageLimits(c.registry.SKU)
	all := []any{usage("Size", limits.Size, size, "Bytes"), usage("Webhooks", limits.Webhooks, 0, "Count")}
	if service.OrPremium(c.registry.SKU) == service.Premium {
		rules := 0
		if c.registry.Network != nil {
			rules = len(c.registry.Network.Allow)
		}
		all = append(all, usage("Geo-replications", -1, 0, "Count"),
			usage("IPRules", service.MaxIPRules, int64(rules), "Count"),
			usage("VNetRules", limits.VNetRules, 0, "Count"),
			usage("PrivateEndpointConnections", limits.PrivateEndpoints, 0, "Count"))
	}
	return c.answer(http.StatusOK, list{Value: all})
}

func listCredentials(c *call) error {
	if !c.registry.Admin {
		return c.adminDisabled()
	}
	return c.answer(http.StatusOK, c.credentialsForm(c.registry))
}

func regenerateCredential(c *call) error {
	var in struct{ Name string }
	if err := c.decode(&in); err != nil {
		return err
	}
	if !c.registry.Admin {
		return c.adminDisabled()
	}
	if err := c.updateRegistry(func(r *write.Registry) error { return r.RenewAdminPassword(in.Name) }); err != nil {
		return err
	}
	x, ok := c.h.Store.Registry(c.registry.ID)
	if !ok {
		return notFound(provider+"/registries/"+c.registry.Name, c.group.Name)
	}
	return c.answer(http.StatusOK, c.credentialsForm(x))
}

func (c *call) credentialsForm(x *principal.RegistrySettings) any {
	type password struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	keys := c.h.Store.Keys()
	var all []password
	for _, name := range []string{service.AdminPassword1, service.AdminPassword2} {
		all = append(all, password{name, keys.AdminPassword(x, name)})
	}
	return map[string]any{"username": x.Name, "passwords": all}
}

// adminDisabled is what users report of the service.
func (c *call) adminDisabled() error {
	return invalid("UnAuthorizedForCredentialOperations", "Unable to perform list/regenerate credential operations on "+
		"registry %s since the admin user is disabled. Kindly, enable the admin user as per docs: "+
		"https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account",
		c.registry.Name)
}
