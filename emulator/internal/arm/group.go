package arm

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/write"
)

const (
	groups      = inSubscription + "/resourceGroups"
	readGroup   = "Microsoft.Resources/subscriptions/resourceGroups/read"
	writeGroup  = "Microsoft.Resources/subscriptions/resourceGroups/write"
	deleteGroup = "Microsoft.Resources/subscriptions/resourceGroups/delete"
)

func groupEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: groups, serve: listGroups},
		{method: http.MethodGet, path: inGroup, action: readGroup, serve: getGroup},
		{method: http.MethodHead, path: inGroup, action: readGroup, serve: headGroup, mayBeNew: true},
		{method: http.MethodPut, path: inGroup, action: writeGroup, serve: putGroup, mayBeNew: true},
		{method: http.MethodPatch, path: inGroup, action: writeGroup, serve: patchGroup},
		{method: http.MethodDelete, path: inGroup, action: deleteGroup, serve: removeGroup},
	}
}

func listGroups(c *call) error {
	all := slices.DeleteFunc(slices.Clone(c.subscription.Groups), func(g principal.Group) bool {
		return !c.can(readGroup, principal.GroupID(c.subscription.ID, g.Name))
	})
	return answerPage(c, all, func(g principal.Group) string { return g.Name }, func(g principal.Group) any {
		return groupForm(c.subscription, g)
	})
}

func getGroup(c *call) error { return c.answer(http.StatusOK, groupForm(c.subscription, *c.group)) }

// headGroup answers whether there is the group; az asks so.
func headGroup(c *call) error {
	if c.group == nil {
		return c.empty(http.StatusNotFound)
	}
	return c.empty(http.StatusNoContent)
}

type groupBody struct {
	Location string
	Tags     *map[string]string
}

func putGroup(c *call) error {
	var in groupBody
	if err := c.decode(&in); err != nil {
		return err
	}
	if in.Location == "" {
		return &failure{http.StatusBadRequest, "LocationRequired",
			"The location property is required for this definition."}
	}
	g := principal.Group{Name: c.names["group"], Location: region(in.Location)}
	if in.Tags != nil {
		g.Tags = *in.Tags
	}
	status := http.StatusOK
	err := c.update(func(tx *write.Tx) error {
		old, ok := tx.Group(c.subscription.ID, g.Name)
		switch {
		case !ok:
			status = http.StatusCreated
		case old.Location != g.Location:
			return &failure{http.StatusConflict, "InvalidResourceGroupLocation", fmt.Sprintf("Invalid resource group "+
				"location '%s'. The Resource group already exists in location '%s'.", clip(g.Location), old.Location)}
		default:
			g.Name = old.Name
		}
		return tx.PutGroup(c.subscription.ID, g)
	})
	if err != nil {
		return err
	}
	return c.answer(status, groupForm(c.subscription, g))
}

func patchGroup(c *call) error {
	var in groupBody
	if err := c.decode(&in); err != nil {
		return err
	}
	var g principal.Group
	err := c.update(func(tx *write.Tx) (err error) {
		var ok bool
		if g, ok = tx.Group(c.subscription.ID, c.group.Name); !ok {
			return groupNotFound(c.group.Name)
		}
		if in.Tags != nil {
			g.Tags = *in.Tags
		}
		return tx.PutGroup(c.subscription.ID, g)
	})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, groupForm(c.subscription, g))
}

func removeGroup(c *call) error {
	err := c.update(func(tx *write.Tx) error { return tx.DeleteGroup(c.subscription.ID, c.group.Name) })
	if err != nil {
		return err
	}
	return c.report(operation{kind: "group", resource: principal.GroupID(c.subscription.ID, c.group.Name),
		location: c.group.Location, doing: "Deleting", style: Location, plain: true}, nil)
}

func groupNotFound(name string) error {
	return &failure{http.StatusNotFound, "ResourceGroupNotFound",
		fmt.Sprintf("Resource group '%s' could not be found.", clip(name))}
}

// region returns a region's name as resources have it: "West Europe" is westeurope.
func region(location string) string { return strings.ToLower(strings.ReplaceAll(location, " ", "")) }

func groupForm(s *principal.Subscription, g principal.Group) any {
	return map[string]any{"id": principal.GroupID(s.ID, g.Name), "name": g.Name,
		"type":     "Microsoft.Resources/resourceGroups",
		"location": g.Location, "tags": tagsForm(g.Tags),
		"properties": map[string]any{"provisioningState": "Succeeded"}}
}

func tagsForm(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}
