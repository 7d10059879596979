package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// fail answers with a registry's error list (OCI distribution specification 1.1,
// "Error Codes").
func (c *call) fail(status int, code, message string, detail json.RawMessage) {
	c.json(status, struct {
		Errors []acrkit.ServiceError `json:"errors"`
	}{[]acrkit.ServiceError{{Code: code, Message: message, Detail: detail}}})
}

// json answers with a document of the proxy's own.
func (c *call) json(status int, v any) {
	data, err := json.Marshal(v)
	if err != nil { // all callers pass plain values
		c.broken(err)
		return
	}
	c.respond("application/json; charset=utf-8", status, append(data, '\n'))
}

// notFound is the answer of ACR's router to what no route matches: plain text,
// before authentication (recorded).
func (c *call) notFound() {
	c.respond("text/plain; charset=utf-8", http.StatusNotFound, []byte("404 page not found\n"))
}

func (c *call) empty(status int) { c.respond("", status, nil) }

func (c *call) broken(err error) {
	c.h.log.Error("the proxy could not answer", "error", err)
	c.empty(http.StatusInternalServerError)
}

// respond answers without the registry.
func (c *call) respond(contentType string, status int, body []byte) {
	//rule:proxy-times-respond
	c.body.Drain()
	header := c.w.Header()
	header.Set("Server", wire.ProxyServer)
	header.Set("X-Content-Type-Options", "nosniff")
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the client has gone
	}
	c.h.log.LogAttrs(c.r.Context(), debug, "answered here", c.attributes(status)...)
}

// challenge refuses a request that lacks a right as ACR does: always 401, never 403
// (recorded).
func (c *call) challenge(why refusal) {
	value := `Basic realm="Azure Container Registry"`
	if !why.basic {
		value = c.bearer(c.op.Scope, why.word)
	}
	c.w.Header().Set("WWW-Authenticate", value)
	c.fail(http.StatusUnauthorized, "UNAUTHORIZED", unauthorized, c.lacking())
}

// bearer writes a challenge whose token service is the proxy's own.
func (c *call) bearer(scope acrkit.Scope, word string) string {
	value := `Bearer realm="` + c.h.scheme + "://" + c.host + `/oauth2/token",service="` + c.host + `"`
	if !scope.IsEmpty() {
		value += `,scope="` + scope.String() + `"`
	}
	if word != "" {
		value += `,error="` + word + `"`
	}
	return value
}

// lacking lists the required rights as the body of ACR's refusal does: one element
// for each action, of a mount the target's first; null where none is required.
func (c *call) lacking() json.RawMessage {
	type item struct{ Type, Name, Action string }
	var first, rest []item
	for a := range c.op.Scope.All() {
		for _, action := range a.Actions {
			if a.Name == c.op.Repository {
				first = append(first, item{a.Type, a.Name, action})
			} else {
				rest = append(rest, item{a.Type, a.Name, action})
			}
		}
	}
	detail, err := json.Marshal(append(first, rest...))
	if err != nil {
		return json.RawMessage("null") // items are plain values
	}
	return detail
}

// rewriteChallenge returns the registry's challenge with the proxy's token service in
// place of its own; "" if there is none that can be read. Other challenges are dropped: a
// client of the proxy cannot answer them.
func (c *call) rewriteChallenge(upstream http.Header) string {
	challenge, ok, err := wire.BearerChallenge(upstream)
	if err != nil || !ok {
		return ""
	}
	word := challenge.Error
	if strings.ContainsFunc(word, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		word = ""
	}
	return c.bearer(challenge.Scope, word)
}

// abort ends the connection without an answer, or in the middle of one, so that the
// client does not take a part for the whole.
func abort() { panic(http.ErrAbortHandler) }

// isGone reports whether the client ended the request.
func (c *call) isGone() bool {
	return context.Cause(c.r.Context()) != nil
}
