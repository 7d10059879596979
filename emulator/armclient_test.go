package emulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	armSub      = "/subscriptions/33333333-3333-3333-3333-333333333333"
	armGroup    = armSub + "/resourceGroups/rg"
	armRegistry = armGroup + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	armVersion  = "?api-version=2025-11-01"
)

// armClient is a client of Azure Resource Manager. Its paths are whole, or below the
// registry; without a query they get the version.
type armClient struct {
	f     *fixture
	token http.Header
}

// arm is the owner of the subscription.
func (f *fixture) arm() armClient {
	f.t.Helper()
	return f.armAs(f.platformToken("https://" + f.host + "/.default"))
}

// armAs is a client with another application's token.
func (f *fixture) armAs(a answer) armClient {
	h := bearer(a.field(f.t, "access_token"))
	h.Set("Content-Type", "application/json")
	return armClient{f, h}
}

func (c armClient) do(method, path, body string) answer {
	c.f.t.Helper()
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	switch first {
	case "subscriptions", "providers", "tenants", "https:":
	default:
		path = armRegistry + path
	}
	if !strings.Contains(path, "?") {
		path += armVersion
	}
	return c.f.do(method, path, c.token, body)
}

// want makes a request and wants a status.
func (c armClient) want(status int, method, path, body string) answer {
	c.f.t.Helper()
	a := c.do(method, path, body)
	if a.status != status {
		c.f.t.Errorf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// refused wants an error with a code and a part of its message.
func (c armClient) refused(method, path, body string, status int, code, message string) {
	c.f.t.Helper()
	a := c.want(status, method, path, body)
	var e struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Error.Code != code ||
		!strings.Contains(e.Error.Message, message) {
		c.f.t.Errorf("%s %s: %s, want %s: …%s…", method, path, a.body, code, message)
	}
}
