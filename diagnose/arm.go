package diagnose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/roles"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	// armVersion is a stable api-version that has all that is read here.
	armVersion = "2023-07-01"
	// rolesVersion is that of the lists of role assignments and role definitions.
	rolesVersion = "2022-04-01"
	// maxSubscriptions bounds how many subscriptions are looked through: a user who
	// sees more has to name the subscription's registry.
	maxSubscriptions = 100
	// maxPages bounds the pages of one list.
	//rule:pages-max-pages-2
	maxPages = 50
	// armTime is how long one question may take with all the requests it needs: a
	// hundred subscriptions, half a second each, and as much again.
	//rule:stalls-arm-time
	armTime = 100 * time.Second
)

// armBody bounds an answer of Azure Resource Manager; a page of registries has
// some hundred KiB.
var armBody = limit.Limit{Name: "an answer of Azure Resource Manager", Bytes: 8 << 20}

// ARMOptions are the settings of [NewARM]. Nil means all zero.
type ARMOptions struct {
	Endpoint string            // https URL; "" = https://management.azure.com
	Base     http.RoundTripper // nil = a clone of http.DefaultTransport; redirects are not followed
}

// armReader reads Azure Resource Manager over HTTP.
type armReader struct {
	endpoint *url.URL
	base     http.RoundTripper
	token    func(context.Context) (string, error)

	mu    sync.Mutex
	found map[acrkit.Registry]armRegistry
}

// NewARM returns Azure Resource Manager as a source of evidence. token gives an
// access token for it, and is asked for each request; the token goes to the
// endpoint only. Only reads are made: the subscriptions, their registries, and of
// the registry in question one token and its scope map, or the roles of one identity.
func NewARM(token func(context.Context) (string, error), opts *ARMOptions) (ARM, error) {
	if opts == nil {
		opts = &ARMOptions{}
	}
	endpoint := opts.Endpoint
	if endpoint == "" {
		endpoint = "https://management.azure.com"
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || token == nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use Azure Resource Manager",
			Reason: "the endpoint is no https URL, or there is no source of tokens"}
	}
	base, _ := wire.Base(opts.Base)
	return &armReader{endpoint: u, base: stall.Wrap(base), token: token, found: map[acrkit.Registry]armRegistry{}}, nil
}

type armRegistry struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		LoginServer   string `json:"loginServer"`
		AdminUser     bool   `json:"adminUserEnabled"`
		AnonymousPull bool   `json:"anonymousPullEnabled"`
		Mode          string `json:"roleAssignmentMode"`
		Policies      struct {
			ARMTokens struct {
				Status string `json:"status"`
			} `json:"azureADAuthenticationAsArmPolicy"`
		} `json:"policies"`
	} `json:"properties"`
}

// get reads one object.
func (r *armReader) get(ctx context.Context, path string, into any) error {
	const op = "ask Azure Resource Manager"
	u, err := r.endpoint.Parse(path)
	if err != nil || u.Scheme != r.endpoint.Scheme || u.Host != r.endpoint.Host {
		return &acrkit.Error{Code: acrkit.CodeProtocol, Op: op, Reason: "its answer leads to another host"}
	}
	q := u.Query()
	if q.Get("api-version") == "" {
		q.Set("api-version", armVersion)
		u.RawQuery = q.Encode()
	}
	ctx, cancel := context.WithTimeout(stall.WithConnectTime(ctx, dialTime), probeTime)
	defer cancel()
	token, err := r.token(ctx)
	if err != nil {
		return wire.WithOp(err, op, acrkit.Registry{})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "the address is malformed"}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "acrkit")
	resp, err := r.base.RoundTrip(req)
	if err != nil {
		return wire.NetworkError(err, op, acrkit.Registry{}, u.Host)
	}
	defer func() { _ = resp.Body.Close() }()
	resp.Request = nil // it holds the token
	data, err := armBody.ReadAll(resp.Body)
	if err != nil {
		if errors.Is(err, acrkit.CodeTooLarge) {
			return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op, Errs: []error{err}}
		}
		return wire.NetworkError(err, op, acrkit.Registry{}, u.Host)
	}
	e := &acrkit.Error{Op: op, Method: http.MethodGet, URL: redact.URL(u), Status: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		e.Code, e.Reason = acrkit.CodeNotFound, "there is no such thing"
		return e
	case http.StatusUnauthorized:
		e.Code, e.Reason = acrkit.CodeCredentialRejected, "it does not accept the token"
		return e
	case http.StatusForbidden:
		e.Code, e.Reason = acrkit.CodeDenied, "the identity may not read this"
		return e
	case http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, wire.Throttled(resp.Header)
		return e
	default:
		e.Code, e.Reason = acrkit.CodeUnavailable, "the answer is "+http.StatusText(resp.StatusCode)
		return e
	}
	if err := json.Unmarshal(data, into); err != nil {
		e.Code, e.Reason = acrkit.CodeProtocol, "its answer is not what it gives"
		return e
	}
	return nil
}

// list reads all pages of a list.
func list[T any](ctx context.Context, r *armReader, path string) ([]T, error) {
	var all []T
	for range maxPages {
		var page struct {
			Value    []T    `json:"value"`
			NextLink string `json:"nextLink"`
		}
		if err := r.get(ctx, path, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		if page.NextLink == "" {
			return all, nil
		}
		//rule:pages-list
		if page.NextLink == path {
			return nil, &acrkit.Error{Code: acrkit.CodeProtocol, Op: "ask Azure Resource Manager",
				Reason: "a page of a list leads to itself"}
		}
		path = page.NextLink
	}
	return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "ask Azure Resource Manager",
		Reason: fmt.Sprintf("a list has more than %d pages", maxPages)}
}

// find looks for a registry by its login server, or by its name where the login
// server carries a hash that the one in question lacks.
func (r *armReader) find(ctx context.Context, reg acrkit.Registry) (armRegistry, error) {
	r.mu.Lock()
	known, ok := r.found[reg]
	r.mu.Unlock()
	if ok {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, armTime)
	defer cancel()
	subscriptions, err := list[struct {
		ID string `json:"subscriptionId"`
	}](ctx, r, "/subscriptions")
	if err != nil {
		return armRegistry{}, err
	}
	name, _, _ := strings.Cut(reg.Name(), "-")
	var byName []armRegistry
	for i, s := range subscriptions {
		if i == maxSubscriptions {
			break
		}
		all, err := list[armRegistry](ctx, r, "/subscriptions/"+url.PathEscape(s.ID)+
			"/providers/Microsoft.ContainerRegistry/registries")
		if errors.Is(err, acrkit.CodeDenied) {
			continue
		}
		if err != nil {
			return armRegistry{}, err
		}
		for _, x := range all {
			if strings.EqualFold(x.Properties.LoginServer, reg.Host()) {
				r.mu.Lock()
				r.found[reg] = x
				r.mu.Unlock()
				return x, nil
			}
			if strings.EqualFold(x.Name, name) {
				byName = append(byName, x)
			}
		}
	}
	if len(byName) == 1 {
		return byName[0], nil
	}
	// The registry may exist in a subscription that this identity cannot see.
	return armRegistry{}, &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "ask Azure Resource Manager", Registry: reg,
		Reason: "no registry with this login server is in the subscriptions that this identity sees"}
}

// Registry implements [ARM].
func (r *armReader) Registry(ctx context.Context, reg acrkit.Registry) (RegistryState, error) {
	x, err := r.find(ctx, reg)
	if err != nil {
		return RegistryState{}, err
	}
	p := x.Properties
	return RegistryState{LoginServer: p.LoginServer, AdminUser: p.AdminUser, AnonymousPull: p.AnonymousPull,
		ABAC: p.Mode == "AbacRepositoryPermissions", NoARMTokens: p.Policies.ARMTokens.Status == "disabled"}, nil
}

// Token implements [ARM].
func (r *armReader) Token(ctx context.Context, reg acrkit.Registry, name string) (TokenState, error) {
	x, err := r.find(ctx, reg)
	if err != nil {
		return TokenState{}, err
	}
	var token struct {
		Name       string `json:"name"`
		Properties struct {
			Status      string `json:"status"`
			ScopeMapID  string `json:"scopeMapId"`
			Credentials struct {
				Passwords []struct {
					Name    string     `json:"name"`
					Created time.Time  `json:"creationTime"`
					Expiry  *time.Time `json:"expiry"`
				} `json:"passwords"`
			} `json:"credentials"`
		} `json:"properties"`
	}
	if err := r.get(ctx, x.ID+"/tokens/"+url.PathEscape(name), &token); err != nil {
		return TokenState{}, err
	}
	state := TokenState{Name: token.Name, Enabled: !strings.EqualFold(token.Properties.Status, "disabled")}
	for _, p := range token.Properties.Credentials.Passwords {
		s := PasswordState{Name: p.Name, Created: p.Created}
		if p.Expiry != nil {
			s.Expires = *p.Expiry
		}
		state.Passwords = append(state.Passwords, s)
	}
	slices.SortFunc(state.Passwords, func(a, b PasswordState) int { return strings.Compare(a.Name, b.Name) })
	var m struct {
		Name       string `json:"name"`
		Properties struct {
			Actions []string `json:"actions"`
		} `json:"properties"`
	}
	if id := token.Properties.ScopeMapID; strings.HasPrefix(id, x.ID+"/scopeMaps/") {
		if err := r.get(ctx, id, &m); err == nil {
			state.Lines = m.Properties.Actions
			if parsed, err := scopemap.Parse(state.Lines); err == nil {
				parsed.Name = m.Name
				state.ScopeMap = parsed
			}
		}
	}
	return state, nil
}

// Roles implements [ARM].
func (r *armReader) Roles(ctx context.Context, reg acrkit.Registry, objectID string) ([]RoleState, error) {
	x, err := r.find(ctx, reg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, armTime)
	defer cancel()
	if !wire.IsGUID(objectID) { // it becomes a part of a filter
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "ask Azure Resource Manager", Registry: reg,
			Reason: "an object id is a GUID"}
	}
	authorization := x.ID + "/providers/Microsoft.Authorization/"
	// Source: Microsoft, "List Azure role assignments using the REST API": assignedTo.
	filter := url.Values{"api-version": {rolesVersion}, "$filter": {"atScope() and assignedTo('" + objectID + "')"}}
	assigned, err := list[struct {
		Properties struct {
			Scope      string `json:"scope"`
			Definition string `json:"roleDefinitionId"`
			Condition  string `json:"condition"`
		} `json:"properties"`
	}](ctx, r, authorization+"roleAssignments?"+strings.ReplaceAll(filter.Encode(), "+", "%20"))
	if err != nil || len(assigned) == 0 {
		return nil, err
	}
	// After the assignments: a role may be defined and assigned between the two.
	definitions, err := r.definitions(ctx, authorization)
	if err != nil {
		return nil, err
	}
	all := make([]RoleState, 0, len(assigned))
	for _, a := range assigned {
		state := definitions[roles.Key(a.Properties.Definition)]
		state.Scope, state.Condition = a.Properties.Scope, a.Properties.Condition
		all = append(all, state)
	}
	return all, nil
}

// definitions reads what each role gives, by the key of the role's resource id.
func (r *armReader) definitions(ctx context.Context, authorization string) (map[string]RoleState, error) {
	defined, err := list[struct {
		ID         string `json:"id"`
		Properties struct {
			Name        string             `json:"roleName"`
			Permissions []roles.Permission `json:"permissions"`
		} `json:"properties"`
	}](ctx, r, authorization+"roleDefinitions?api-version="+rolesVersion)
	if err != nil {
		return nil, err
	}
	all := map[string]RoleState{}
	for _, d := range defined {
		p := d.Properties
		all[roles.Key(d.ID)] = RoleState{Name: p.Name, Legacy: roles.Rights(p.Permissions, false),
			ABAC: roles.Rights(p.Permissions, true)}
	}
	return all, nil
}
