// Package graph is the part of Microsoft Graph that clients ask for the object ids of
// role assignments: service principals by id and filter, directory objects by ids. It is
// read only. There are no users and no groups.
//
// Source: Microsoft Graph's reference, and what az and azurerm send.
package graph

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/internal/jsonbody"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/internal/wording"
)

const (
	// MaxBody is the largest request. One of MaxIDs ids has 40 KiB.
	//
	//rule:emulator-limits-graph-body
	MaxBody = 128 << 10
	// MaxIDs is how many ids getByIds takes (documented).
	//
	//rule:emulator-limits-graph-ids
	MaxIDs = 1000
)

// Handler answers as Microsoft Graph.
type Handler struct {
	Store  *principal.Store
	Entra  *entra.Tokens
	Serves func(host string) bool // whether the emulator answers on a host
	// Refused writes a refusal to the decision log, before the answer.
	Refused func(r *http.Request, who principal.Principal, id rule.ID, reason string)
}

// failure is an error in Graph's form.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.message }

// call is a request of an application.
type call struct {
	*http.Request
	h        *Handler
	caller   *principal.Application
	at       string   // address and version, such as https://localhost:5443/v1.0
	segments []string // of the path behind the version
}

// Serve answers a request.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, to route.Route) {
	w.Header().Set("request-id", guid.New())
	v, err := h.authenticate(w, r)
	if err == nil {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		c := &call{r, h, v.Application, scheme + "://" + r.Host + "/" + to.Segments[0], to.Segments[1:]}
		var body any
		if body, err = c.answer(); err == nil {
			answer.JSON(w, http.StatusOK, body)
			return
		}
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{http.StatusInternalServerError, "generalException", "The request could not be answered."}
	}
	id := r.Header.Get("client-request-id")
	if !guid.Is(id) {
		id = w.Header().Get("request-id")
	}
	type inner struct {
		Date   string `json:"date"`
		ID     string `json:"request-id"`
		Client string `json:"client-request-id"`
	}
	answer.JSON(w, f.status, map[string]any{"error": struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   inner  `json:"innerError"`
	}{f.code, f.message, inner{h.Entra.Now().UTC().Format("2006-01-02T15:04:05"), w.Header().Get("request-id"), id}}})
}

// authenticate checks the Entra token. Which application may read is not checked: any
// that the authority knows may read its tenant.
func (h *Handler) authenticate(w http.ResponseWriter, r *http.Request) (entra.Verified, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	v, err := h.Entra.Verify(strings.TrimSpace(token))
	message, why := "", error(rule.GraphToken)
	var who principal.Principal
	if err == nil {
		who = principal.Principal{Kind: principal.KindServicePrincipal, Name: v.Application.ClientID}
	}
	switch {
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		message = "Access token is empty."
	case errors.Is(err, rule.EntraTokenExpired):
		message, why = "Lifetime validation failed, the token is expired.", err
	case err != nil:
		message, why = "Access token validation failure.", err
	//rule:graph-audience
	case !entra.IsForGraph(v.Audience, h.Serves):
		message, why = "Access token validation failure. Invalid audience.", rule.EntraTokenAudience
	default:
		return v, nil
	}
	_, reason := rule.Of(why)
	h.Refused(r, who, rule.GraphToken, reason)
	w.Header().Set("WWW-Authenticate", `Bearer realm="", error="invalid_token"`)
	return v, &failure{http.StatusUnauthorized, "InvalidAuthenticationToken", message}
}

func (c *call) is(method string, segments ...string) bool {
	return c.Method == method && slices.EqualFunc(c.segments, segments, func(have, want string) bool {
		return want == "" && have != "" || strings.EqualFold(have, want)
	})
}

func (c *call) answer() (any, error) {
	switch {
	case c.is(http.MethodGet, "servicePrincipals"):
		return c.servicePrincipals()
	case c.is(http.MethodGet, "servicePrincipals", ""), c.is(http.MethodGet, "directoryObjects", ""):
		return c.object(c.segments[1], func(a *principal.Application) string { return a.ObjectID })
	case c.is(http.MethodPost, "directoryObjects", "getByIds"):
		return c.byIDs()
	case c.is(http.MethodGet, "users"), c.is(http.MethodGet, "groups"): // there are none
		return c.list(c.segments[0], []map[string]any{}), nil
	case c.is(http.MethodGet, "users", ""), c.is(http.MethodGet, "groups", ""):
		return nil, missing(c.segments[1])
	case c.is(http.MethodGet, "me"):
		return nil, &failure{http.StatusBadRequest, "BadRequest",
			"/me request is only valid with delegated authentication flow."}
	case c.Method == http.MethodGet && len(c.segments) == 1:
		if id, ok := strings.CutPrefix(c.segments[0], "servicePrincipals(appId='"); ok && strings.HasSuffix(id, "')") {
			return c.object(strings.TrimSuffix(id, "')"), func(a *principal.Application) string { return a.ClientID })
		}
	case c.Method != http.MethodGet:
		who := principal.Principal{Kind: principal.KindServicePrincipal, Name: c.caller.ClientID}
		c.h.Refused(c.Request, who, rule.GraphPermission, rule.GraphPermission.Text())
		return nil, &failure{http.StatusForbidden, "Authorization_RequestDenied",
			"Insufficient privileges to complete the operation."}
	}
	last := ""
	if n := len(c.segments); n > 0 { // none behind the version
		last = c.segments[n-1]
	}
	return nil, &failure{http.StatusBadRequest, "BadRequest",
		fmt.Sprintf("Resource not found for the segment '%s'.", clip(last))}
}

func missing(id string) error {
	return &failure{http.StatusNotFound, "Request_ResourceNotFound", fmt.Sprintf(
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", clip(id))}
}

// maxQuoted is how many bytes an error quotes of the request.
const maxQuoted = 200

func clip(s string) string { return wording.Clip(s, maxQuoted) }

// applications returns those of the caller's tenant.
func (c *call) applications() []*principal.Application {
	//rule:graph-tenant
	return slices.DeleteFunc(c.h.Store.Applications(), func(a *principal.Application) bool {
		return !strings.EqualFold(a.TenantID, c.caller.TenantID)
	})
}

func (c *call) object(id string, of func(*principal.Application) string) (any, error) {
	for _, a := range c.applications() {
		if strings.EqualFold(of(a), id) {
			out := c.selected(form(a))
			out["@odata.context"] = c.at + "/$metadata#servicePrincipals/$entity"
			return out, nil
		}
	}
	return nil, missing(id)
}

// form is a service principal.
func form(a *principal.Application) map[string]any {
	return map[string]any{"id": a.ObjectID, "appId": a.ClientID, "displayName": a.DisplayName,
		"appDisplayName": a.DisplayName, "servicePrincipalNames": []string{a.ClientID},
		"servicePrincipalType": "Application", "accountEnabled": true, "appOwnerOrganizationId": a.TenantID,
		"alternativeNames": []string{}, "tags": []string{}}
}

// selected leaves the properties of $select.
func (c *call) selected(object map[string]any) map[string]any {
	if only := c.URL.Query().Get("$select"); only != "" {
		names := strings.Split(only, ",")
		for name := range object {
			if !slices.Contains(names, name) {
				delete(object, name)
			}
		}
	}
	return object
}

func (c *call) list(of string, values []map[string]any) any {
	return map[string]any{"@odata.context": c.at + "/$metadata#" + of, "value": values}
}

// servicePrincipals lists those of a filter, in one page.
func (c *call) servicePrincipals() (any, error) {
	accepts, err := filter(c.URL.Query().Get("$filter"))
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, a := range c.applications() {
		if accepts(a) {
			out = append(out, c.selected(form(a)))
		}
	}
	return c.list("servicePrincipals", out), nil
}

// filterRE is one comparison of a filter. A quote in a text is doubled.
var filterRE = regexp.MustCompile(`^(?:(appId|id|displayName) eq|(servicePrincipalNames)/any\((\w+):\s*(\w+) eq|` +
	`(startswith)\(displayName,)\s*'((?:[^']|'')*)'(\)?)$`)

// filter reads the comparisons that clients of role assignments write, joined by "and".
// Any other filter is refused: it must not list everything.
func filter(text string) (func(*principal.Application) bool, error) {
	var all []func(*principal.Application) bool
	for part := range strings.SplitSeq(text, " and ") {
		if text == "" {
			break
		}
		m := filterRE.FindStringSubmatch(strings.TrimSpace(part))
		closed := m != nil && m[7] == ")"
		//rule:graph-filter
		if m == nil || m[3] != m[4] || closed != (m[1] == "") {
			return nil, &failure{http.StatusBadRequest, "Request_UnsupportedQuery",
				fmt.Sprintf("Unsupported or invalid query filter clause specified: '%s'.", clip(part))}
		}
		value := strings.ReplaceAll(m[6], "''", "'")
		all = append(all, func(a *principal.Application) bool {
			switch {
			case m[1] == "id":
				return strings.EqualFold(a.ObjectID, value)
			case m[1] == "displayName":
				return strings.EqualFold(a.DisplayName, value)
			case m[5] != "":
				return strings.HasPrefix(strings.ToLower(a.DisplayName), strings.ToLower(value))
			}
			return strings.EqualFold(a.ClientID, value)
		})
	}
	return func(a *principal.Application) bool {
		return !slices.ContainsFunc(all, func(accepts func(*principal.Application) bool) bool { return !accepts(a) })
	}, nil
}

// byIDs answers directoryObjects/getByIds: those of the ids that there are.
func (c *call) byIDs() (any, error) {
	var asked struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	data, err := io.ReadAll(c.Body)
	if _, tooMuch := errors.AsType[*http.MaxBytesError](err); tooMuch {
		return nil, &failure{http.StatusRequestEntityTooLarge, "BadRequest", "The request is too large."}
	}
	if err == nil {
		err = jsonbody.Decode(data, &asked)
	}
	switch {
	case err != nil:
		return nil, &failure{http.StatusBadRequest, "BadRequest",
			"Unable to read JSON request payload: " + clip(err.Error()) + "."}
	case len(asked.IDs) == 0 || len(asked.IDs) > MaxIDs:
		return nil, &failure{http.StatusBadRequest, "Request_BadRequest",
			fmt.Sprintf("The property 'ids' must have from 1 to %d values.", MaxIDs)}
	}
	out := []map[string]any{}
	wanted := len(asked.Types) == 0 || slices.ContainsFunc(asked.Types, func(t string) bool {
		return strings.EqualFold(t, "servicePrincipal") || strings.EqualFold(t, "directoryObject")
	})
	for _, a := range c.applications() {
		if wanted && slices.ContainsFunc(asked.IDs, func(id string) bool { return strings.EqualFold(id, a.ObjectID) }) {
			object := form(a)
			object["@odata.type"] = "#microsoft.graph.servicePrincipal"
			out = append(out, object)
		}
	}
	return c.list("directoryObjects", out), nil
}
