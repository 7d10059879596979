// Package arm is the part of Azure Resource Manager that clients ask before they
// use a registry, read only: subscriptions, tenants, and registries with their scope
// maps and tokens.
package arm

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/scopemap"
)

// Handler answers as ARM.
type Handler struct {
	Store  *principal.Store
	Entra  *entra.Tokens
	Serves func(host string) bool
	// Refused writes a refusal to the decision log, before the answer.
	Refused func(r *http.Request, who principal.Principal, id rule.ID, reason string)
	Logger  *slog.Logger
}

// timeForm is how ARM writes times: seven digits and an offset (recorded).
const timeForm = "2006-01-02T15:04:05.0000000-07:00"

func stamp(t time.Time) string { return t.UTC().Format(timeForm) }

type list struct {
	Value []any `json:"value"`
}

func listOf[T any](items []T, form func(T) any) list {
	out := list{Value: []any{}}
	for _, x := range items {
		out.Value = append(out.Value, form(x))
	}
	return out
}

// fail writes ARM's error form.
func fail(w http.ResponseWriter, status int, code, message string) {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	answer.JSON(w, status, struct {
		Error detail `json:"error"`
	}{detail{code, message}})
}

// Serve answers a request to ARM.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, to route.Route) {
	if !to.IsRead() {
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The emulator answers reads of ARM only.")
		return
	}
	if !h.authenticated(w, r) || h.missingVersion(w, r) {
		return
	}
	switch to.Operation {
	case route.Tenants:
		answer.JSON(w, http.StatusOK, listOf(h.Store.Tenants(), tenant))
	case route.Subscriptions:
		answer.JSON(w, http.StatusOK, listOf(h.Store.Subscriptions(), h.subscription))
	default:
		h.inSubscription(w, r, to.Segments)
	}
}

// authenticated checks the Entra token: for ARM, and good. Which application may
// read which registry is not checked: any that the authority knows may read.
func (h *Handler) authenticated(w http.ResponseWriter, r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	v, err := h.Entra.Verify(strings.TrimSpace(token))
	code, message := "", ""
	var who principal.Principal
	if err == nil {
		who = principal.Principal{Kind: principal.KindServicePrincipal, Name: v.Application.ClientID}
	}
	id := rule.ARMToken
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		id = rule.ARMAuthorizationMissing
		code, message = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
	case err != nil:
		if errors.Is(err, rule.EntraTokenExpired) {
			id = rule.ARMTokenExpired
		}
		code, message = "InvalidAuthenticationToken", "The access token is invalid."
	case entra.AudienceOf(v.Audience, h.Serves) != entra.ForARM:
		id = rule.ARMTokenAudience
		code, message = "InvalidAuthenticationTokenAudience",
			"The access token has been obtained for wrong audience or resource."
	default:
		return true
	}
	reason := id.Text()
	if id == rule.ARMToken {
		_, reason = rule.Of(err)
	}
	h.Refused(r, who, id, reason)
	scheme = "http"
	if r.TLS != nil {
		scheme = "https"
	}
	w.Header().Set("WWW-Authenticate",
		fmt.Sprintf(`Bearer authorization_uri="%s://%s/", error="invalid_token", error_description="%s"`, scheme,
			r.Host, message))
	fail(w, http.StatusUnauthorized, code, message)
	return false
}

func (h *Handler) missingVersion(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Query().Get("api-version") != "" {
		return false
	}
	h.Refused(r, principal.Principal{}, rule.ARMVersionMissing, rule.ARMVersionMissing.Text())
	fail(w, http.StatusBadRequest, "MissingApiVersionParameter",
		"The api-version query parameter (?api-version=) is required for all requests.")
	return true
}

func tenant(t *principal.Tenant) any {
	return map[string]any{"id": "/tenants/" + t.ID, "tenantId": t.ID, "tenantCategory": "Home", "displayName": t.ID}
}

func (h *Handler) subscription(s *principal.Subscription) any {
	return map[string]any{"id": "/subscriptions/" + s.ID, "subscriptionId": s.ID, "tenantId": s.TenantID,
		"displayName": s.DisplayName,
		"state":       "Enabled", "authorizationSource": "RoleBased", "managedByTenants": []any{},
		"subscriptionPolicies": map[string]any{"locationPlacementId": "Public_2014-09-01",
			"quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"}}
}

func (h *Handler) notFound(w http.ResponseWriter, what, group string) {
	fail(w, http.StatusNotFound, "ResourceNotFound",
		fmt.Sprintf("The Resource '%s' under resource group '%s' was not found.", clip(what), clip(group)))
}

// maxQuoted is how many bytes an error quotes of the request.
const maxQuoted = 200

func clip(s string) string { return wording.Clip(s, maxQuoted) }

const provider = "Microsoft.ContainerRegistry"

// inSubscription answers paths behind /subscriptions/.
func (h *Handler) inSubscription(w http.ResponseWriter, r *http.Request, parts []string) {
	subs := h.Store.Subscriptions()
	i := slices.IndexFunc(subs, func(s *principal.Subscription) bool { return strings.EqualFold(s.ID, parts[0]) })
	if i < 0 {
		fail(w, http.StatusNotFound, "SubscriptionNotFound",
			fmt.Sprintf("The subscription '%s' could not be found.", clip(parts[0])))
		return
	}
	sub, rest := subs[i], parts[1:]
	in := func(group string) []*principal.RegistrySettings {
		return slices.DeleteFunc(h.Store.Registries(), func(x *principal.RegistrySettings) bool {
			return !strings.EqualFold(x.Subscription, sub.ID) || group != "" && !strings.EqualFold(x.Group, group)
		})
	}
	is := func(pattern ...string) bool {
		return len(rest) == len(pattern) && !slices.ContainsFunc(pattern, func(p string) bool {
			return p != "" && !strings.EqualFold(rest[slices.Index(pattern, p)], p)
		})
	}
	form := func(x *principal.RegistrySettings) any { return h.registry(r, x) }
	switch {
	case len(rest) == 0:
		answer.JSON(w, http.StatusOK, h.subscription(sub))
	case is("resourcegroups"):
		answer.JSON(w, http.StatusOK, listOf(sub.Groups, func(g principal.Group) any { return group(sub, g) }))
	case is("resources"):
		h.resources(w, r, in(""))
	case is("providers", provider, "registries"):
		answer.JSON(w, http.StatusOK, listOf(in(""), form))
	case len(rest) >= 2 && strings.EqualFold(rest[0], "resourcegroups"):
		j := slices.IndexFunc(sub.Groups, func(g principal.Group) bool { return strings.EqualFold(g.Name, rest[1]) })
		if j < 0 {
			fail(w, http.StatusNotFound, "ResourceGroupNotFound",
				fmt.Sprintf("Resource group '%s' could not be found.", clip(rest[1])))
			return
		}
		g := sub.Groups[j]
		switch rest = rest[2:]; {
		case len(rest) == 0:
			answer.JSON(w, http.StatusOK, group(sub, g))
		case is("resources"):
			h.resources(w, r, in(g.Name))
		case is("providers", provider, "registries"):
			answer.JSON(w, http.StatusOK, listOf(in(g.Name), form))
		case len(rest) >= 4 && strings.EqualFold(rest[0], "providers") && strings.EqualFold(rest[1], provider) &&
			strings.EqualFold(rest[2], "registries"):
			k := slices.IndexFunc(in(g.Name), func(x *principal.RegistrySettings) bool {
				return strings.EqualFold(x.Name, rest[3])
			})
			if k < 0 {
				h.notFound(w, provider+"/registries/"+rest[3], g.Name)
				return
			}
			h.inRegistry(w, r, in(g.Name)[k], rest[4:])
		default:
			h.notFound(w, strings.Join(rest, "/"), g.Name)
		}
	default:
		h.notFound(w, strings.Join(rest, "/"), "")
	}
}

func group(s *principal.Subscription, g principal.Group) any {
	return map[string]any{"id": "/subscriptions/" + s.ID + "/resourceGroups/" + g.Name, "name": g.Name,
		"type":     "Microsoft.Resources/resourceGroups",
		"location": g.Location, "properties": map[string]any{"provisioningState": "Succeeded"}}
}

// filterRE reads the part of an OData filter that is asked of registries.
var filterRE = regexp.MustCompile(`(?i)\b(resourceType|name)\s+eq\s+'([^']*)'`)

func (h *Handler) resources(w http.ResponseWriter, r *http.Request, all []*principal.RegistrySettings) {
	for _, m := range filterRE.FindAllStringSubmatch(r.URL.Query().Get("$filter"), 10) {
		all = slices.DeleteFunc(all, func(x *principal.RegistrySettings) bool {
			if strings.EqualFold(m[1], "name") {
				return !strings.EqualFold(x.Name, m[2])
			}
			return !strings.EqualFold(m[2], provider+"/registries")
		})
	}
	answer.JSON(w, http.StatusOK, listOf(all, func(x *principal.RegistrySettings) any {
		return map[string]any{"id": registryID(x), "name": x.Name, "type": provider + "/registries",
			"location": x.Location,
			"sku":      map[string]string{"name": x.SKU, "tier": x.SKU}, "tags": map[string]string{}}
	}))
}

func registryID(x *principal.RegistrySettings) string {
	return "/subscriptions/" + x.Subscription + "/resourceGroups/" + x.Group + "/providers/" + provider +
		"/registries/" + x.Name
}

func word(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// loginServer is the address under which this client reaches a registry: the
// first registry at the address it has asked, the others under their own names,
// at the same port.
func (h *Handler) loginServer(r *http.Request, x *principal.RegistrySettings) string {
	if first, ok := h.Store.First(); ok && first.ID == x.ID &&
		!strings.Contains(strings.ToLower(r.Host), ".azurecr.localhost") {
		return r.Host
	}
	port := ""
	if i := strings.LastIndexByte(r.Host, ':'); i >= 0 && !strings.HasSuffix(r.Host, "]") {
		port = r.Host[i:]
	}
	return x.Name + ".azurecr.localhost" + port
}

func (h *Handler) registry(r *http.Request, x *principal.RegistrySettings) any {
	system := map[string]string{"createdBy": "acrkit", "createdByType": "Application", "createdAt": stamp(x.Created),
		"lastModifiedBy": "acrkit", "lastModifiedByType": "Application", "lastModifiedAt": stamp(x.Created)}
	return map[string]any{
		"sku": map[string]string{"name": x.SKU, "tier": x.SKU}, "type": provider + "/registries", "id": registryID(x),
		"name":     x.Name,
		"location": x.Location, "tags": map[string]string{}, "systemData": system,
		"properties": map[string]any{
			"loginServer": h.loginServer(r, x), "creationDate": x.Created.UTC().Format("2006-01-02T15:04:05.0000000Z"),
			"provisioningState": "Succeeded",
			"adminUserEnabled":  x.Admin, "anonymousPullEnabled": x.Anonymous,
			"networkRuleSet": map[string]any{"defaultAction": "Allow",
				"virtualNetworkRules": []any{}, "ipRules": []any{}},
			"policies": map[string]any{
				"quarantinePolicy": map[string]any{"status": "disabled"},
				"trustPolicy":      map[string]any{"type": "Notary", "status": "disabled"},
				"retentionPolicy": map[string]any{"days": 7, "lastUpdatedTime": stamp(x.Created),
					"status": "disabled"},
				"exportPolicy":                     map[string]any{"status": "enabled"},
				"azureADAuthenticationAsArmPolicy": map[string]any{"status": word(!x.NoArmTokens)},
				"softDeletePolicy": map[string]any{"retentionDays": 7,
					"lastUpdatedTime": stamp(x.Created), "status": "disabled"},
			},
			"encryption": map[string]any{"status": "disabled"}, "dataEndpointEnabled": false,
			"dataEndpointHostNames": []any{},
			"regionalEndpoints":     "Disabled", "regionalEndpointHostNames": []any{}, "endpointProtocol": "IPv4",
			"privateEndpointConnections": []any{}, "publicNetworkAccess": "Enabled",
			"networkRuleBypassOptions":         "AzureServices",
			"networkRuleBypassAllowedForTasks": false, "zoneRedundancy": "Disabled", "metadataSearch": "Disabled",
			"roleAssignmentMode": x.Mode, "autoGeneratedDomainNameLabelScope": "Unsecure",
			"writableCacheRepos": "Disabled",
		},
	}
}

// inRegistry answers the registry itself and what lies below it.
func (h *Handler) inRegistry(w http.ResponseWriter, r *http.Request, x *principal.RegistrySettings, rest []string) {
	kind := ""
	if len(rest) > 0 {
		kind = strings.ToLower(rest[0])
	}
	name := ""
	if len(rest) == 2 {
		name = rest[1]
	}
	found := func(v any, ok bool) {
		if !ok {
			answer.JSON(w, http.StatusNotFound, map[string]any{"error": map[string]string{"code": "ResourceNotFound",
				"message": fmt.Sprintf("The resource %s could not be found.", clip(name))}, "status": "Failed"})
			return
		}
		answer.JSON(w, http.StatusOK, v)
	}
	switch {
	case len(rest) == 0:
		answer.JSON(w, http.StatusOK, h.registry(r, x))
	case len(rest) > 2 || kind != "scopemaps" && kind != "tokens":
		h.notFound(w, provider+"/registries/"+x.Name+"/"+strings.Join(rest, "/"), x.Group)
	case kind == "scopemaps" && name == "":
		answer.JSON(w, http.StatusOK, listOf(h.scopeMaps(x), func(m scopeMapAt) any { return scopeMap(x, m) }))
	case kind == "scopemaps":
		all := h.scopeMaps(x)
		i := slices.IndexFunc(all, func(m scopeMapAt) bool { return strings.EqualFold(m.Name, name) })
		if i < 0 {
			found(nil, false)
			return
		}
		found(scopeMap(x, all[i]), true)
	case name == "":
		answer.JSON(w, http.StatusOK, listOf(h.Store.Tokens(x.ID), func(t *principal.Token) any { return token(x, t) }))
	default:
		t, ok := h.Store.Token(x.ID, name)
		if !ok {
			found(nil, false)
			return
		}
		found(token(x, t), true)
	}
}

type scopeMapAt struct {
	scopemap.Map
	created time.Time
}

// scopeMaps lists the service's own scope maps and those that users made.
func (h *Handler) scopeMaps(x *principal.RegistrySettings) []scopeMapAt {
	var out []scopeMapAt
	for _, m := range scopemap.System() {
		out = append(out, scopeMapAt{m, x.Created})
	}
	for _, m := range h.Store.ScopeMaps(x.ID) {
		out = append(out, scopeMapAt{m.Map(), m.Created})
	}
	return out
}

func scopeMap(x *principal.RegistrySettings, m scopeMapAt) any {
	kind := "UserDefined"
	if m.System {
		kind = "SystemDefined"
	}
	return map[string]any{"type": provider + "/registries/scopeMaps", "id": registryID(x) + "/scopeMaps/" + m.Name,
		"name": m.Name,
		"properties": map[string]any{"description": m.Description, "type": kind, "creationDate": stamp(m.created),
			"provisioningState": "Succeeded", "actions": m.Lines()}}
}

// token describes a token without its passwords' values, which cannot be read again.
func token(x *principal.RegistrySettings, t *principal.Token) any {
	passwords := []any{}
	for _, p := range t.Passwords {
		form := map[string]any{"name": p.Slot, "creationTime": stamp(p.Created)}
		if !p.Expires.IsZero() {
			form["expiry"] = stamp(p.Expires)
		}
		passwords = append(passwords, form)
	}
	return map[string]any{"type": provider + "/registries/tokens", "id": registryID(x) + "/tokens/" + t.Name,
		"name": t.Name,
		"properties": map[string]any{"creationDate": stamp(t.Created), "provisioningState": "Succeeded",
			"status":      word(t.Enabled),
			"scopeMapId":  registryID(x) + "/scopeMaps/" + t.ScopeMap,
			"credentials": map[string]any{"certificates": []any{}, "passwords": passwords}}}
}
