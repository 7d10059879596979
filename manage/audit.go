package manage

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/guid"
)

// The actions of a [Change].
const (
	ActionCreate   = "create"
	ActionUpdate   = "update"
	ActionDelete   = "delete"
	ActionGenerate = "generate" // a new password in a slot
	ActionRemove   = "remove"   // the password of a slot
)

// The kinds of what a [Change] changes.
const (
	KindScopeMap = "scope-map"
	KindToken    = "token"
	KindPassword = "password"
)

// Change is a change that was made or refused, for an audit log. It holds no secret.
type Change struct {
	Time     time.Time  `json:"time"`
	Who      Identity   `json:"who"`
	Registry string     `json:"registry"` // the resource id
	Action   string     `json:"action"`
	Kind     string     `json:"kind"`
	Name     string     `json:"name"` // of the scope map or the token
	Slot     Slot       `json:"slot,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"` // of the new password; nil = never, or no password
	Before   *Rights    `json:"before,omitempty"`
	After    *Rights    `json:"after,omitempty"`
	// Result is "done", or the code of the error. A change that failed may have been made
	// in part: "conflict" after a write, for one.
	Result        string `json:"result"`
	CorrelationID string `json:"correlationId"` // that Azure's activity log has too
}

// Rights are what a scope map or a token gave.
type Rights struct {
	Actions  []string `json:"actions,omitempty"`  // of a scope map
	ScopeMap string   `json:"scopeMap,omitempty"` // of a token
	Enabled  bool     `json:"enabled,omitempty"`  // of a token
}

// Identity is who made a change, by the claims of the Entra token.
type Identity struct {
	Tenant string `json:"tenant,omitempty"`
	Object string `json:"objectId,omitempty"`
	Client string `json:"clientId,omitempty"` // the application
	User   string `json:"user,omitempty"`     // the name of a person
}

// change makes a change within a limit of time, and reports it.
func (r *Registry) change(ctx context.Context, c Change, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	c.Registry, c.CorrelationID = r.ID(), guid.New()
	err := do(withAnswer(withCorrelationID(ctx, c.CorrelationID)))
	if r.client.opts.Audit == nil {
		return err
	}
	c.Time, c.Result = r.client.opts.Now().UTC(), "done"
	if err != nil {
		c.Result = "failed"
		if code := acrkit.CodeOf(err); code != "" {
			c.Result = string(code)
		}
	}
	c.Who = r.client.cred.identity()
	r.client.opts.Audit(c)
	return err
}

// withCorrelationID makes all requests of a change carry one id.
func withCorrelationID(ctx context.Context, id string) context.Context {
	return policy.WithHTTPHeader(ctx, http.Header{"X-Ms-Correlation-Request-Id": {id}})
}

func quote(s string) string { return strconv.Quote(s) }

// Line is the change as one line of JSON, with a line feed.
func (c Change) Line() []byte {
	line, err := json.Marshal(c)
	if err != nil { // a type that is marshaled in every test
		return []byte("{}\n")
	}
	return append(line, '\n')
}
