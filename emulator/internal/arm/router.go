package arm

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/write"
)

const provider = principal.Provider

// The paths of what endpoints are below. A segment in braces is a name; the others are
// compared without case.
const (
	inSubscription = "/subscriptions/{subscription}"
	inGroup        = inSubscription + "/resourceGroups/{group}"
	registries     = "/providers/" + provider + "/registries"
	inRegistry     = inGroup + registries + "/{registry}"
)

// endpoint is what one method on one kind of path does.
type endpoint struct {
	method string
	path   string
	// action is what the caller's roles must allow on the resource, for example
	// "Microsoft.ContainerRegistry/registries/write". "" = serve decides, as lists do.
	action string
	serve  func(c *call) error
	// mayBeNew calls serve, too, if there is no registry of that name, or no group where
	// that is the path's last name.
	mayBeNew bool

	segments []string
}

// table returns all endpoints.
func (h *Handler) table() []endpoint {
	h.once.Do(func() {
		h.all = slices.Concat(subscriptionEndpoints(), groupEndpoints(), resourcesEndpoints(), providerEndpoints(),
			registryEndpoints(), replicationEndpoints(), scopeMapEndpoints(), tokenEndpoints(),
			roleDefinitionEndpoints(), roleAssignmentEndpoints(), operationEndpoints())
		for i := range h.all {
			h.all[i].segments = strings.Split(h.all[i].path[1:], "/")
		}
	})
	return h.all
}

// Endpoints returns the endpoints, as METHOD PATH with names in braces.
func Endpoints() (all []string) {
	for _, e := range new(Handler).table() {
		all = append(all, e.method+" "+e.path)
	}
	return all
}

// match returns the path's names, by the words in braces.
func (e *endpoint) match(path []string) (map[string]string, bool) {
	if len(path) != len(e.segments) {
		return nil, false
	}
	names := map[string]string{}
	for i, s := range e.segments {
		if s[0] == '{' {
			if path[i] == "" {
				return nil, false
			}
			names[s[1:len(s)-1]] = path[i]
		} else if !strings.EqualFold(s, path[i]) {
			return nil, false
		}
	}
	return names, true
}

// scope returns the resource that the action is performed on: the path up to its last
// name. Actions such as listCredentials and the words of lists follow it.
func (e *endpoint) scope(path []string) string {
	n := len(path)
	for n > 0 && e.segments[n-1][0] != '{' {
		n--
	}
	return "/" + strings.Join(path[:n], "/")
}

// call is one request to an endpoint.
type call struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	caller *principal.Application

	names map[string]string // of the path
	scope string            // the resource that the request is about, as the client wrote it

	// What the path names. Only with mayBeNew one of them may be nil.
	subscription *principal.Subscription
	group        *principal.Group
	registry     *principal.RegistrySettings
}

func (c *call) serve(path []string) error {
	e, err := c.find(path)
	if err != nil {
		return err
	}
	c.scope = e.scope(path)
	if id, ok := c.names["subscription"]; ok {
		if c.subscription = c.findSubscription(id); c.subscription == nil {
			return &failure{http.StatusNotFound, "SubscriptionNotFound",
				fmt.Sprintf("The subscription '%s' could not be found.", clip(id))}
		}
	}
	// Before it is known whether the resource exists: others must not learn it.
	//rule:arm-roles-serve
	if e.action != "" && !c.can(e.action, c.scope) {
		return c.forbidden(e.action, c.scope)
	}
	if err := c.load(e); err != nil {
		return err
	}
	return e.serve(c)
}

// find returns the endpoint of a request.
func (c *call) find(path []string) (*endpoint, error) {
	others := false
	all := c.h.table()
	for i := range all {
		e := &all[i]
		names, ok := e.match(path)
		if ok && e.method == c.r.Method {
			c.names = names
			return e, nil
		}
		others = others || ok
	}
	if others {
		return nil, &failure{http.StatusMethodNotAllowed, "MethodNotAllowed",
			fmt.Sprintf("The requested resource does not support http method '%s'.", clip(c.r.Method))}
	}
	return nil, &failure{http.StatusNotFound, "ResourceNotFound",
		fmt.Sprintf("The emulator has no resource '%s'.", clip("/"+strings.Join(path, "/")))}
}

// load finds the group and the registry of the path.
func (c *call) load(e *endpoint) error {
	if name, ok := c.names["group"]; ok {
		i := slices.IndexFunc(c.subscription.Groups, func(g principal.Group) bool {
			return strings.EqualFold(g.Name, name)
		})
		switch {
		case i >= 0:
			c.group = &c.subscription.Groups[i]
		case !e.mayBeNew || e.segments[len(e.segments)-1] != "{group}":
			return groupNotFound(name)
		}
	}
	if name, ok := c.names["registry"]; ok {
		r, ok := c.h.Store.RegistryByName(name)
		switch {
		case ok && strings.EqualFold(r.Subscription, c.subscription.ID) && strings.EqualFold(r.Group, c.group.Name):
			c.registry = r
		case !e.mayBeNew:
			return notFound(provider+"/registries/"+name, c.group.Name)
		}
	}
	return nil
}

func (c *call) findSubscription(id string) *principal.Subscription {
	all := c.h.Store.Subscriptions()
	i := slices.IndexFunc(all, func(s *principal.Subscription) bool { return strings.EqualFold(s.ID, id) })
	if i < 0 {
		return nil
	}
	return all[i]
}

// update makes a change, in one transaction. The errors of package write become ARM's.
func (c *call) update(f func(*write.Tx) error) error { return c.h.Write.Update(c.r.Context(), f) }

// updateRegistry is update of the registry that the path names.
func (c *call) updateRegistry(f func(*write.Registry) error) error {
	return c.h.Write.UpdateRegistry(c.r.Context(), c.registry.ID, c.registry.Name, f)
}
