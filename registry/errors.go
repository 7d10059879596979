package registry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
)

// maxServiceErrors bounds how many elements of an error list become causes;
// recorded answers have one.
const maxServiceErrors = 16

// withAnswer adds to e what was asked and what came back.
func (c *Client) withAnswer(q call, resp *http.Response, e *acrkit.Error) *acrkit.Error {
	e.Op, e.Registry = q.op, c.reg
	e.Method, e.URL = q.method, c.location(q)
	e.Status = resp.StatusCode
	e.RequestID = requestID(resp.Header)
	return e
}

// requestID returns the service's correlation id, if it is one: it becomes part
// of a message.
func requestID(h http.Header) string {
	id := h.Get("X-Ms-Correlation-Request-Id")
	if len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-'
	}) {
		return ""
	}
	return id
}

// statusError reads an answer that is no success.
func (c *Client) statusError(q call, resp *http.Response, body []byte) *acrkit.Error {
	e := c.withAnswer(q, resp, &acrkit.Error{})
	services := serviceErrors(body)
	for _, s := range services {
		e.Causes = append(e.Causes, s)
	}
	has := func(code string) bool {
		for _, s := range services {
			if s.Code == code {
				return true
			}
		}
		return false
	}
	answered := func(what string) string {
		if len(services) == 0 {
			return what
		}
		return what + "; the registry answered: " + clip(redact.Text(services[0].Error()))
	}
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		c.unauthorized(e, resp.Header)
	case status == http.StatusForbidden:
		e.Code, e.Reason = acrkit.CodeDenied, answered("the registry denies it")
	case has("REGISTRY_DISALLOWED_OPERATION"):
		e.Code, e.Reason = acrkit.CodeLocked, "a lock on the item, or a policy of the registry, forbids it"
	case status == http.StatusNotFound && has("NAME_UNKNOWN"):
		e.Code, e.Reason = acrkit.CodeNotFound, "there is no such repository"
	case status == http.StatusNotFound && has("TAG_UNKNOWN"):
		e.Code, e.Reason = acrkit.CodeNotFound, "there is no such tag"
	case status == http.StatusNotFound && has("MANIFEST_UNKNOWN"):
		e.Code, e.Reason = acrkit.CodeNotFound, "there is no such manifest"
	case status == http.StatusNotFound && len(services) > 0:
		e.Code, e.Reason = acrkit.CodeNotFound, answered("not found")
	case status == http.StatusNotFound:
		// Every registry says in its body what it did not find; this is another server.
		e.Code, e.Reason = acrkit.CodeNotFound, "the server has no ACR metadata API at this address"
	case status == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, "too many requests, also after several attempts"
	case status >= 500:
		e.Code, e.Reason = acrkit.CodeUnavailable, answered("the registry failed")
	case status >= 300 && status < 400:
		e.Code, e.Reason = acrkit.CodeProtocol, "the registry answered with a redirect, which its API never does"
	default:
		e.Code, e.Reason = acrkit.CodeProtocol, answered(fmt.Sprintf("unexpected status %d", status))
	}
	return e
}

// unauthorized reads a 401: a missing right is one too, by
// error="insufficient_scope" (recorded).
func (c *Client) unauthorized(e *acrkit.Error, h http.Header) {
	params := bearerParams(h.Values("Www-Authenticate"))
	if scope, err := acrkit.ParseScope(params["scope"]); err == nil {
		e.Required = scope
	}
	switch {
	case params["error"] == "insufficient_scope":
		e.Code, e.Reason = acrkit.CodeInsufficientScope, "the credential lacks "+Rights(e.Required)
	case params != nil && params["error"] == "":
		e.Code, e.Reason = acrkit.CodeCredentialMissing, "the registry asks for a credential"
	default:
		e.Code, e.Reason = acrkit.CodeCredentialRejected, "the registry does not accept the access token"
	}
}

// Rights names the rights of a scope for a message, by their scope-map names:
// `metadata/read on "team/app"`, "the catalog".
func Rights(s acrkit.Scope) string {
	var parts []string
	for access := range s.All() {
		if access.Type == "registry" && access.Name == "catalog" {
			parts = append(parts, "the right to list the catalog")
			continue
		}
		names := make([]string, 0, len(access.Actions))
		for _, word := range access.Actions {
			if a, err := acrkit.ParseAction(word); err == nil {
				word = a.String()
			}
			names = append(names, word)
		}
		parts = append(parts, fmt.Sprintf("%s on %q", strings.Join(names, ", "), access.Name))
	}
	if len(parts) == 0 {
		return "a right that the registry does not name"
	}
	return strings.Join(parts, " and ")
}

// serviceErrors reads {"errors":[{"code","message","detail"}]}; what has not this
// form gives nothing. detail may be of any type (recorded).
func serviceErrors(body []byte) []acrkit.ServiceError {
	var doc struct {
		Errors []acrkit.ServiceError `json:"errors"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	return doc.Errors[:min(len(doc.Errors), maxServiceErrors)]
}

func clip(s string) string {
	const limit = 300
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
