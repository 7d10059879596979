package proxy

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/wire"
)

// unauthorized is ACR's text of a refusal (recorded).
const unauthorized = "authentication required, visit https://aka.ms/acr/authorization for more information."

// tokenService answers /oauth2/exchange and /oauth2/token as ACR's does, with the
// proxy's own tokens. Nothing is sent to the registry.
func (c *call) tokenService() {
	exchange := c.r.URL.Path == "/oauth2/exchange"
	allow := "GET, POST"
	if exchange {
		allow = "POST"
	}
	var form url.Values
	switch {
	case c.r.Method == http.MethodPost:
		c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
		if err := c.r.ParseForm(); err != nil {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				c.fail(http.StatusRequestEntityTooLarge, "UNSUPPORTED", "the request is too large", nil)
				return
			}
			if errors.Is(err, idle.ErrStalled) {
				c.fail(http.StatusRequestTimeout, "UNSUPPORTED", "the rest of the request did not come within "+
					idle.ReadTime.String(), nil)
				return
			}
			c.fail(http.StatusBadRequest, "UNSUPPORTED", "the request is not a form", nil)
			return
		}
		form = c.r.PostForm // never the query, where a secret does not belong
	case c.r.Method == http.MethodGet && !exchange:
		var err error
		if form, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
			c.fail(http.StatusBadRequest, "UNSUPPORTED", "the query is malformed", nil)
			return
		}
	default:
		c.w.Header().Set("Allow", allow)
		c.empty(http.StatusMethodNotAllowed)
		return
	}
	if values, present := form["scope"]; present && strings.TrimSpace(strings.Join(values, "")) == "" {
		c.empty(http.StatusBadRequest) // as users report of the service
		return
	}
	// Microsoft's description of the API requires a service; another service is refused.
	switch service := form.Get("service"); {
	case service == "":
		c.fail(http.StatusBadRequest, "UNSUPPORTED", "the parameter service is required", nil)
	case !strings.EqualFold(service, c.host):
		c.refuseLogin()
	case exchange:
		c.exchange(form)
	case c.r.Method == http.MethodGet:
		c.basicLogin(form)
	default:
		c.postToken(form)
	}
}

// exchange gives a refresh token for the client key, which a stub credential sends as an
// Entra token.
func (c *call) exchange(form url.Values) {
	if !slices.Contains([]string{"access_token", "access_token_refresh_token", "refresh_token"},
		form.Get("grant_type")) {
		c.fail(http.StatusBadRequest, "UNSUPPORTED", "unsupported grant_type", nil)
		return
	}
	if !c.h.isKey(form.Get("access_token")) {
		c.empty(http.StatusUnauthorized) // recorded: no body, and no challenge
		return
	}
	token, err := c.h.tokens.issueRefresh(c.host)
	if err != nil {
		c.broken(err)
		return
	}
	c.json(http.StatusOK, struct {
		RefreshToken string `json:"refresh_token"`
	}{token})
}

// basicLogin is GET /oauth2/token, Docker's form.
func (c *call) basicLogin(form url.Values) {
	values := c.r.Header.Values("Authorization")
	//rule:proxy-key-basic-login
	if len(values) == 0 && c.h.open {
		c.grantToken(form)
		return
	}
	if len(values) != 1 {
		c.refuseLogin()
		return
	}
	user, password, ok := c.r.BasicAuth()
	if !ok {
		c.refuseLogin()
		return
	}
	c.login(form, user, password)
}

// postToken is POST /oauth2/token.
func (c *call) postToken(form url.Values) {
	switch form.Get("grant_type") {
	case "refresh_token":
		if !c.h.tokens.refresh(form.Get("refresh_token"), c.host) {
			c.empty(http.StatusUnauthorized) // recorded
			return
		}
		c.grantToken(form)
	case "password":
		c.login(form, form.Get("username"), form.Get("password"))
	default:
		c.fail(http.StatusBadRequest, "UNSUPPORTED", "unsupported grant_type", nil)
	}
}

func (c *call) login(form url.Values, user, password string) {
	if c.h.isKey(password) || user == wire.ZeroGUID && c.h.tokens.refresh(password, c.host) {
		c.grantToken(form)
		return
	}
	c.refuseLogin()
}

func (c *call) refuseLogin() { c.fail(http.StatusUnauthorized, "UNAUTHORIZED", unauthorized, nil) }

// grantToken issues an access token for what was asked and the scope map allows.
// Asking for more is no error: the token lacks it (recorded).
func (c *call) grantToken(form url.Values) {
	asked, ok := readScopes(form["scope"])
	if !ok {
		c.fail(http.StatusBadRequest, "UNSUPPORTED", "the scope is too large", nil)
		return
	}
	token, err := c.h.tokens.issueAccess(c.host, c.h.grant(asked))
	if err != nil {
		c.broken(err)
		return
	}
	c.json(http.StatusOK, struct {
		AccessToken string `json:"access_token"`
	}{token})
}

// readScopes reads the scope parameters, of which there may be several. A malformed
// scope, or one on a resource that cannot exist, is ignored. ok is false above a limit.
func readScopes(values []string) (scope acrkit.Scope, ok bool) {
	var items []acrkit.Access
	words := 0
	for _, value := range values {
		if len(value) > acrkit.MaxScope {
			return acrkit.Scope{}, false
		}
		for word := range strings.FieldsSeq(value) {
			if words++; words > maxRights {
				return acrkit.Scope{}, false
			}
			if s, err := acrkit.ParseScope(word); err == nil {
				items = slices.AppendSeq(items, s.All())
			}
		}
	}
	scope = acrkit.NewScope(items...)
	return scope, scope.Len() <= maxRights
}
