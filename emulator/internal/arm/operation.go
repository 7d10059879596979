package arm

import (
	"crypto/hmac"
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/internal/guid"
)

// Style is how a client learns that an operation has ended. All changes are made, and
// durable, before the first answer.
type Style string

// The styles.
const (
	// AtOnce answers when all is done.
	AtOnce Style = "synchronous"
	// AsyncOperation answers 201 or 202 with Azure-AsyncOperation: an address whose answer
	// has a status.
	AsyncOperation Style = "azure-async-operation"
	// Location answers a DELETE with 202 and Location: an address that is answered with 202
	// until the operation has ended, then with 200. A PUT or a PATCH has no 202: ARM's rules
	// for resource providers (RPC-Async-V1-01) and the API description of registries allow
	// 200 and 201 only, and clients refuse another status. They are reported as by
	// [AsyncOperation].
	Location Style = "location"
	// ProvisioningState answers 201, and the resource's provisioningState says the rest.
	ProvisioningState Style = "provisioning-state"
)

// Styles returns the styles.
func Styles() []Style { return []Style{AtOnce, AsyncOperation, Location, ProvisioningState} }

// Operations say how operations are reported. The zero value is as recorded of each, and
// they have ended when they are first asked for.
type Operations struct {
	Style Style         // of all operations; "" = each has its own
	Take  time.Duration // how long one is under way, by the emulator's clock
}

// retryAfter is the Retry-After of answers to operations under way, in seconds. The
// service sends 10 (recorded); clients wait that long before they ask.
const retryAfter = "1"

// maxOperations bounds the operations that are remembered. Those that are not have ended.
const maxOperations = 10_000

// operation is a change of a resource, to be reported.
type operation struct {
	kind     string // begins the operation's id: "token"
	resource string // resource id
	location string // region, of the addresses of [Location]
	doing    string // "Creating", "Updating" or "Deleting"
	style    Style  // as recorded
	plain    bool   // of [Location]: ARM's own address, and an answer without a body
}

// running is an operation that was begun.
type running struct {
	operation
	ends time.Time
}

// operations are those that were begun in this run of the emulator. They are not kept:
// what they did is, and one of an earlier run has ended.
type operations struct {
	mu  sync.Mutex
	all map[string]running
}

func (o *operations) add(id string, x running) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[string]running{}
	}
	if len(o.all) >= maxOperations {
		first := slices.MinFunc(slices.Collect(maps.Keys(o.all)), func(a, b string) int {
			return o.all[a].ends.Compare(o.all[b].ends)
		})
		delete(o.all, first)
	}
	o.all[id] = x
}

func (o *operations) get(id string) (running, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	x, ok := o.all[id]
	return x, ok
}

// of returns what is under way with a resource.
func (o *operations) of(resource string, now time.Time) (doing string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, x := range o.all {
		if strings.EqualFold(x.resource, resource) && now.Before(x.ends) {
			return x.doing, true
		}
	}
	return "", false
}

// stateOf returns the provisioningState of a resource.
func (h *Handler) stateOf(resource string) string {
	if doing, ok := h.running.of(resource, h.Now()); ok {
		return doing
	}
	return "Succeeded"
}

// operationID makes an operation's id, which only this emulator can make.
func (h *Handler) operationID(kind string) string {
	var b [16]byte
	rand.Read(b[:8]) // never fails
	copy(b[8:], h.Store.Keys().Sum("operation", kind, string(b[:8])))
	return kind + "-" + guid.Format(b)
}

// isOperation reports whether an emulator with this state made an operation's id.
func (h *Handler) isOperation(id string) bool {
	kind, text, _ := strings.Cut(id, "-")
	b, ok := guid.Parse(text)
	return ok && hmac.Equal(b[8:], h.Store.Keys().Sum("operation", kind, string(b[:8]))[:8])
}

// report answers a change that was made: as recorded of it, or as the options say. body
// makes the resource's form; nil = the resource is gone.
func (c *call) report(op operation, body func() any) error {
	style, options := op.style, c.h.Operations
	if options.Style != "" {
		style = options.Style
	}
	switch {
	case style == ProvisioningState && body == nil:
		style = Location // there is no resource to ask
	case style == Location && body != nil:
		style = AsyncOperation // there is no 202 with a resource
	}
	id := c.h.operationID(op.kind)
	if style != AtOnce {
		c.h.running.add(id, running{op, c.h.Now().Add(options.Take)})
	}
	query := "?api-version=" + version(c.r)
	status := http.StatusAccepted
	switch style {
	case AtOnce:
		status = http.StatusOK
	case ProvisioningState:
		status = http.StatusCreated
	case AsyncOperation:
		if body != nil {
			status = http.StatusCreated
		}
		c.w.Header().Set("Azure-Asyncoperation", origin(c.r)+op.resource+"/operationStatuses/"+id+query)
	case Location:
		at := "/providers/" + provider + "/locations/" + strings.ToUpper(op.location)
		if op.plain {
			at = ""
		}
		c.w.Header().Set("Location", origin(c.r)+principal.SubscriptionID(c.subscription.ID)+at+
			"/operationResults/"+id+query)
	}
	if style != AtOnce {
		c.w.Header().Set("Retry-After", retryAfter)
	}
	switch {
	case body != nil && style == AtOnce:
		return c.answer(status, body())
	case body != nil:
		return c.answer(status, withState(body(), op.doing))
	case status == http.StatusOK || op.plain:
		return c.empty(status)
	}
	return c.answer(status, nil)
}

// withState sets the provisioningState of a resource's form.
func withState(form any, state string) any {
	if m, ok := form.(map[string]any); ok {
		if properties, ok := m["properties"].(map[string]any); ok {
			properties["provisioningState"] = state
		}
	}
	return form
}

func operationEndpoints() []endpoint {
	// Azure's role definitions name the actions (documented); that they are needed is believed.
	status := func(path, action string) endpoint {
		return endpoint{method: http.MethodGet, path: inRegistry + path + "/operationStatuses/{operation}",
			action: provider + "/registries" + action + "/operationStatuses/read", serve: getOperationStatus,
			mayBeNew: true}
	}
	return []endpoint{
		status("", ""),
		status("/tokens/{name}", "/tokens"),
		status("/scopeMaps/{name}", "/scopeMaps"),
		// Without an action: who knows an operation's id has begun it.
		{method: http.MethodGet, path: inSubscription + "/providers/" + provider +
			"/locations/{location}/operationResults/{operation}", serve: getOperationResult},
		{method: http.MethodGet, path: inSubscription + "/operationResults/{operation}", serve: getOperationResult},
	}
}

// getOperationStatus answers the address of [AsyncOperation].
func getOperationStatus(c *call) error {
	x, under, err := c.findOperation()
	if err != nil {
		return err
	}
	status := map[string]string{"status": "Succeeded"}
	if under {
		status["status"] = x.doing
		c.w.Header().Set("Retry-After", retryAfter)
	}
	c.w.Header().Set("Azure-Asyncoperation", origin(c.r)+c.r.URL.RequestURI())
	return c.answer(http.StatusOK, status)
}

// getOperationResult answers the address of [Location].
func getOperationResult(c *call) error {
	x, under, err := c.findOperation()
	if err != nil {
		return err
	}
	if !under {
		return c.empty(http.StatusOK)
	}
	c.w.Header().Set("Location", origin(c.r)+c.r.URL.RequestURI())
	c.w.Header().Set("Retry-After", retryAfter)
	if x.plain {
		return c.empty(http.StatusAccepted)
	}
	return c.answer(http.StatusAccepted, nil)
}

// findOperation returns the operation that the path names, and whether it is under way.
func (c *call) findOperation() (x running, under bool, err error) {
	id := c.names["operation"]
	if !c.h.isOperation(id) {
		return running{}, false, notInRegistry(id)
	}
	x, ok := c.h.running.get(id)
	return x, ok && c.h.Now().Before(x.ends), nil
}
