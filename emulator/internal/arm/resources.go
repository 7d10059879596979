package arm

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
)

func resourcesEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: inSubscription + "/resources", serve: listResources},
		{method: http.MethodGet, path: inGroup + "/resources", serve: listResources},
	}
}

// filterRE reads the part of an OData filter that is asked of registries.
var filterRE = regexp.MustCompile(`(?i)\b(resourceType|name)\s+eq\s+'([^']*)'`)

func listResources(c *call) error {
	all := c.registries()
	for _, m := range filterRE.FindAllStringSubmatch(c.r.URL.Query().Get("$filter"), 10) {
		all = slices.DeleteFunc(all, func(x *principal.RegistrySettings) bool {
			if strings.EqualFold(m[1], "name") {
				return !strings.EqualFold(x.Name, m[2])
			}
			return !strings.EqualFold(m[2], provider+"/registries")
		})
	}
	return c.answer(http.StatusOK, listOf(all, nil, func(x *principal.RegistrySettings) any {
		return map[string]any{"id": x.ResourceID(), "name": x.Name, "type": provider + "/registries",
			"location": x.Location,
			"sku":      map[string]string{"name": x.SKU, "tier": x.SKU}, "tags": map[string]string{}}
	}))
}

// registries returns the registries of the path's group or subscription that the caller
// may read.
func (c *call) registries() []*principal.RegistrySettings {
	return slices.DeleteFunc(c.h.Store.Registries(), func(x *principal.RegistrySettings) bool {
		return !strings.EqualFold(x.Subscription, c.subscription.ID) ||
			c.group != nil && !strings.EqualFold(x.Group, c.group.Name) || !c.can(readRegistry, x.ResourceID())
	})
}
