package arm

import (
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/principal"
)

const readSubscription = "Microsoft.Resources/subscriptions/read"

func subscriptionEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: "/tenants", serve: listTenants},
		{method: http.MethodGet, path: "/subscriptions", serve: listSubscriptions},
		{method: http.MethodGet, path: inSubscription, serve: getSubscription},
	}
}

// listTenants lists the tenant that the caller is in.
func listTenants(c *call) error {
	keep := func(t *principal.Tenant) bool { return t.ID == c.caller.TenantID }
	return c.answer(http.StatusOK, listOf(c.h.Store.Tenants(), keep, func(t *principal.Tenant) any {
		return map[string]any{"id": "/tenants/" + t.ID, "tenantId": t.ID, "tenantCategory": "Home",
			"displayName": t.ID}
	}))
}

func listSubscriptions(c *call) error {
	keep := func(s *principal.Subscription) bool { return c.reaches(principal.SubscriptionID(s.ID)) }
	return c.answer(http.StatusOK, listOf(c.h.Store.Subscriptions(), keep, subscriptionForm))
}

func getSubscription(c *call) error {
	if !c.reaches(principal.SubscriptionID(c.subscription.ID)) {
		return c.forbidden(readSubscription, c.scope)
	}
	return c.answer(http.StatusOK, subscriptionForm(c.subscription))
}

func subscriptionForm(s *principal.Subscription) any {
	return map[string]any{"id": principal.SubscriptionID(s.ID), "subscriptionId": s.ID, "tenantId": s.TenantID,
		"displayName": s.DisplayName,
		"state":       "Enabled", "authorizationSource": "RoleBased", "managedByTenants": []any{},
		"subscriptionPolicies": map[string]any{"locationPlacementId": "Public_2014-09-01",
			"quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"}}
}
