package arm

import (
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/principal"
)

const (
	groups    = inSubscription + "/resourceGroups"
	readGroup = "Microsoft.Resources/subscriptions/resourceGroups/read"
)

func groupEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: groups, serve: listGroups},
		{method: http.MethodGet, path: inGroup, action: readGroup, serve: getGroup},
	}
}

func listGroups(c *call) error {
	id := principal.SubscriptionID(c.subscription.ID)
	keep := func(g principal.Group) bool { return c.can(readGroup, groupID(id, g)) }
	return c.answer(http.StatusOK, listOf(c.subscription.Groups, keep, func(g principal.Group) any {
		return groupForm(c.subscription, g)
	}))
}

func getGroup(c *call) error { return c.answer(http.StatusOK, groupForm(c.subscription, *c.group)) }

func groupID(subscription string, g principal.Group) string {
	return subscription + "/resourceGroups/" + g.Name
}

func groupForm(s *principal.Subscription, g principal.Group) any {
	return map[string]any{"id": principal.GroupID(s.ID, g.Name), "name": g.Name,
		"type":     "Microsoft.Resources/resourceGroups",
		"location": g.Location, "properties": map[string]any{"provisioningState": "Succeeded"}}
}
