package arm

import (
	"fmt"
	"net/http"
	"net/url"
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

// termRE reads one comparison of an OData filter.
var (
	termRE = regexp.MustCompile(`(?i)^\s*\(?\s*(resourceType|name|resourceGroup|location|tagName|tagValue)` +
		`\s+eq\s+'((?:[^']|'')*)'\s*\)?\s*$`)
	andRE = regexp.MustCompile(`(?i)\s+and\s+`)
)

// filter reads $filter: comparisons joined by "and", which is what az and Terraform send.
func filter(query url.Values) (terms map[string]string, err error) {
	text := query.Get("$filter")
	if text == "" {
		return nil, nil
	}
	terms = map[string]string{}
	for _, part := range andRE.Split(text, -1) {
		m := termRE.FindStringSubmatch(part)
		if m == nil {
			return nil, &failure{http.StatusBadRequest, "InvalidFilterInQueryString",
				fmt.Sprintf("Invalid $filter '%s' specified in the query string.", clip(text))}
		}
		terms[strings.ToLower(m[1])] = strings.ReplaceAll(m[2], "''", "'")
	}
	return terms, nil
}

func listResources(c *call) error {
	terms, err := filter(c.r.URL.Query())
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(c.registries(), func(x *principal.RegistrySettings) bool {
		for name, value := range terms {
			if !hasTerm(x, name, value) {
				return true
			}
		}
		return false
	})
	return answerPage(c, all, registryName, func(x *principal.RegistrySettings) any {
		form := map[string]any{"id": x.ResourceID(), "name": x.Name, "type": provider + "/registries",
			"location": x.Location, "sku": skuForm(x), "tags": tagsForm(x.Tags), "systemData": systemData(x, stampZ)}
		if strings.Contains(c.r.URL.Query().Get("$expand"), "provisioningState") {
			form["provisioningState"] = c.h.stateOf(x.ResourceID())
		}
		return form
	})
}

func hasTerm(x *principal.RegistrySettings, name, value string) bool {
	switch name {
	case "resourcetype":
		return strings.EqualFold(value, provider+"/registries")
	case "name":
		return strings.EqualFold(value, x.Name)
	case "resourcegroup":
		return strings.EqualFold(value, x.Group)
	case "location":
		return region(value) == x.Location
	case "tagname":
		return slices.ContainsFunc(mapKeys(x.Tags), func(k string) bool { return strings.EqualFold(k, value) })
	}
	for _, v := range x.Tags { // tagValue
		if v == value {
			return true
		}
	}
	return false
}

func mapKeys(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// registries returns the registries of the path's group or subscription that the caller
// may read.
func (c *call) registries() []*principal.RegistrySettings {
	return slices.DeleteFunc(c.h.Store.Registries(), func(x *principal.RegistrySettings) bool {
		return !strings.EqualFold(x.Subscription, c.subscription.ID) ||
			c.group != nil && !strings.EqualFold(x.Group, c.group.Name) || !c.can(readRegistry, x.ResourceID())
	})
}
