package arm

import (
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/write"
)

const (
	tokens = inRegistry + "/tokens"
	token  = tokens + "/{name}"
)

func tokenEndpoints() []endpoint {
	const action = provider + "/registries/tokens/"
	return []endpoint{
		{method: http.MethodGet, path: tokens, action: action + "read", serve: listTokens},
		{method: http.MethodGet, path: token, action: action + "read", serve: getToken},
		{method: http.MethodPut, path: token, action: action + "write", serve: putToken},
		{method: http.MethodPatch, path: token, action: action + "write", serve: patchToken},
		{method: http.MethodDelete, path: token, action: action + "delete", serve: deleteToken},
		{method: http.MethodPost, path: inRegistry + "/generateCredentials",
			action: provider + "/registries/generateCredentials/action", serve: generateCredentials},
	}
}

func listTokens(c *call) error {
	return answerPage(c, c.h.Store.Tokens(c.registry.ID), func(t *principal.Token) string { return t.Name },
		c.tokenForm)
}

func getToken(c *call) error { return c.answerChild(c.token()) }

// tokenBody is a request to make or change a token. Certificates are not kept: nothing
// uses them.
type tokenBody struct {
	Properties struct {
		ScopeMapID  *string `json:"scopeMapId"`
		Status      *string `json:"status"`
		Credentials *struct {
			Passwords []struct {
				Name string `json:"name"`
			} `json:"passwords"` // nil = not named
		} `json:"credentials"`
	} `json:"properties"`
}

// tokenChange reads a request to make or change a token.
func (c *call) tokenChange() (change write.TokenChange, err error) {
	var in tokenBody
	if err := c.decode(&in); err != nil {
		return change, err
	}
	p := in.Properties
	if p.ScopeMapID != nil {
		name, ok := c.childName(*p.ScopeMapID, "scopeMaps")
		if !ok {
			return change, invalid("InvalidScopeMapId", "The scope map '%s' is not one of the registry %s.",
				clip(*p.ScopeMapID), c.registry.Name)
		}
		change.ScopeMap = &name
	}
	if p.Status != nil {
		enabled := strings.EqualFold(*p.Status, "enabled")
		if !enabled && !strings.EqualFold(*p.Status, "disabled") {
			return change, invalid("InvalidTokenStatus", "The status '%s' is neither enabled nor disabled.",
				clip(*p.Status))
		}
		change.Enabled = &enabled
	}
	if p.Credentials != nil && p.Credentials.Passwords != nil {
		change.Passwords = []string{}
		for _, x := range p.Credentials.Passwords {
			change.Passwords = append(change.Passwords, x.Name)
		}
	}
	return change, nil
}

// childName returns the name that a resource id of something in the registry ends with.
func (c *call) childName(id, kind string) (name string, ok bool) {
	below := c.registry.ResourceID() + "/" + kind + "/"
	if len(id) <= len(below) || !strings.EqualFold(id[:len(below)], below) {
		return "", false
	}
	name = id[len(below):]
	return name, !strings.Contains(name, "/")
}

// putToken is recorded: 201, then an operation. A token that is there keeps its passwords,
// unless the request names those that stay (believed).
func putToken(c *call) error {
	change, err := c.tokenChange()
	if err != nil {
		return err
	}
	if change.ScopeMap == nil {
		return invalid("MissingScopeMapId", "The property scopeMapId is required.")
	}
	name, doing := c.names["name"], "Creating"
	if _, ok := c.h.Store.Token(c.registry.ID, name); ok {
		doing = "Updating"
	}
	err = c.updateRegistry(func(r *write.Registry) error {
		err := r.PutToken(write.Token{Name: name, ScopeMap: *change.ScopeMap,
			Disabled: change.Enabled != nil && !*change.Enabled})
		if err != nil {
			return err
		}
		return r.ChangeToken(name, write.TokenChange{Passwords: change.Passwords})
	})
	if err != nil {
		return err
	}
	return c.reportToken(doing)
}

// patchToken is recorded: 201, then an operation. The passwords that it does not name, if
// it names any list of them, are removed: az deletes credentials so.
func patchToken(c *call) error {
	change, err := c.tokenChange()
	if err != nil {
		return err
	}
	if _, ok := c.h.Store.Token(c.registry.ID, c.names["name"]); !ok {
		return notInRegistry(c.names["name"])
	}
	err = c.updateRegistry(func(r *write.Registry) error { return r.ChangeToken(c.names["name"], change) })
	if err != nil {
		return err
	}
	return c.reportToken("Updating")
}

func deleteToken(c *call) error {
	x, found := c.token()
	return c.removeChild(x, found, func(r *write.Registry) error { return r.DeleteToken(c.names["name"]) })
}

// reportToken answers a change of the token that the path names.
func (c *call) reportToken(doing string) error {
	x, found := c.token()
	return c.reportChild(x, found, doing, AsyncOperation)
}

// token finds the token that the path names.
func (c *call) token() (child, bool) {
	t, ok := c.h.Store.Token(c.registry.ID, c.names["name"])
	if !ok {
		return child{}, false
	}
	return child{"token", c.tokenID(t), func() any { return c.tokenForm(t) }}, true
}

func (c *call) tokenID(t *principal.Token) string {
	return c.registry.ResourceID() + "/tokens/" + t.Name
}

// tokenForm describes a token without its passwords' values, which cannot be read again.
func (c *call) tokenForm(t *principal.Token) any {
	passwords := []any{}
	for _, p := range t.Passwords {
		passwords = append(passwords, passwordForm(p))
	}
	return map[string]any{"type": provider + "/registries/tokens", "id": c.tokenID(t), "name": t.Name,
		"properties": map[string]any{"creationDate": stamp(t.Created),
			"provisioningState": c.h.stateOf(c.tokenID(t)), "status": word(t.Enabled),
			"scopeMapId":  c.scopeMapID(t.ScopeMap),
			"credentials": map[string]any{"certificates": []any{}, "passwords": passwords}}}
}

// passwordForm describes a password without its value.
func passwordForm(p principal.Password) map[string]any {
	form := map[string]any{"name": p.Slot, "creationTime": stamp(p.Created)}
	if !p.Expires.IsZero() {
		form["expiry"] = stamp(p.Expires)
	}
	return form
}
