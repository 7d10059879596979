package arm

import (
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/principal"
)

const tokens = inRegistry + "/tokens"

func tokenEndpoints() []endpoint {
	const read = provider + "/registries/tokens/read"
	return []endpoint{
		{method: http.MethodGet, path: tokens, action: read, serve: listTokens},
		{method: http.MethodGet, path: tokens + "/{name}", action: read, serve: getToken},
	}
}

func listTokens(c *call) error {
	return c.answer(http.StatusOK, listOf(c.h.Store.Tokens(c.registry.ID), nil, func(t *principal.Token) any {
		return tokenForm(c.registry, t)
	}))
}

func getToken(c *call) error {
	t, ok := c.h.Store.Token(c.registry.ID, c.names["name"])
	if !ok {
		return notInRegistry(c.names["name"])
	}
	return c.answer(http.StatusOK, tokenForm(c.registry, t))
}

// tokenForm describes a token without its passwords' values, which cannot be read again.
func tokenForm(x *principal.RegistrySettings, t *principal.Token) any {
	passwords := []any{}
	for _, p := range t.Passwords {
		form := map[string]any{"name": p.Slot, "creationTime": stamp(p.Created)}
		if !p.Expires.IsZero() {
			form["expiry"] = stamp(p.Expires)
		}
		passwords = append(passwords, form)
	}
	return map[string]any{"type": provider + "/registries/tokens", "id": x.ResourceID() + "/tokens/" + t.Name,
		"name": t.Name,
		"properties": map[string]any{"creationDate": stamp(t.Created), "provisioningState": "Succeeded",
			"status":      word(t.Enabled),
			"scopeMapId":  x.ResourceID() + "/scopeMaps/" + t.ScopeMap,
			"credentials": map[string]any{"certificates": []any{}, "passwords": passwords}}}
}
