package proxy

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/wire"
)

// returnedHeaders are the headers of an answer that a client gets unchanged, and no
// others, cookies in particular. Location, Link and WWW-Authenticate are rewritten.
var returnedHeaders = []string{
	"Accept-Ranges",
	"Allow",
	"Content-Encoding",
	"Content-Range",
	"Content-Type",
	"Docker-Content-Digest",
	"Docker-Distribution-Api-Version",
	"Docker-Upload-Uuid",
	"Etag",
	"Last-Modified",
	"Oci-Chunk-Min-Length",
	"Oci-Filters-Applied",
	"Oci-Subject",
	"Range",
	"Retry-After",
	"Warning",
	"X-Content-Type-Options",
	"X-Ms-Client-Request-Id",
	"X-Ms-Correlation-Request-Id",
	"X-Ms-Int-Docker-Content-Digest",
	"X-Ms-Ratelimit-Remaining-Calls-Per-Second",
	"X-Ms-Request-Id",
}

// answer sends the registry's answer to the client.
func (c *call) answer(resp *http.Response, guard *operation.Guard, timer *idleTimer) {
	defer resp.Body.Close()
	header := c.w.Header()
	if !c.rewrite(resp, header) {
		return
	}
	//rule:proxy-down-answer
	for _, name := range returnedHeaders {
		if values := resp.Header[name]; len(values) > 0 {
			header[name] = values
		}
	}
	if header["Content-Type"] == nil {
		header["Content-Type"] = nil // net/http would guess one
	}
	header.Set("Server", wire.ProxyServer)
	if resp.ContentLength >= 0 && hasLength(resp.StatusCode) {
		header.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	if operation.WasUsed(resp.StatusCode) && !guard.Used.IsEmpty() {
		c.h.record(guard.Used)
	}
	timer.writing.Store(true)
	timer.moved()
	c.w.WriteHeader(resp.StatusCode)
	c.h.log.LogAttrs(c.r.Context(), debug, "answered by the registry", c.attributes(resp.StatusCode)...)
	if c.r.Method == http.MethodHead || isRedirect(resp) {
		return
	}
	if err := c.copy(resp.Body, timer); err != nil {
		if !c.isGone() {
			c.h.log.LogAttrs(c.r.Context(), debug, "an answer broke off", c.attributes(resp.StatusCode)...)
		}
		abort()
	}
}

// hasLength reports whether an answer with a status may say how long it is.
func hasLength(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified && (status < 300 || status >= 400)
}

// copy sends a body to the client piece by piece.
func (c *call) copy(from io.Reader, timer *idleTimer) error {
	buffer := c.h.buffers.Get().(*[]byte)
	defer c.h.buffers.Put(buffer)
	for {
		n, err := from.Read(*buffer)
		if n > 0 {
			timer.moved()
			if _, err := c.w.Write((*buffer)[:n]); err != nil {
				return err
			}
			timer.moved()
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// rewrite sets the headers with addresses. It reports whether the answer can be returned;
// if not, it has answered.
func (c *call) rewrite(resp *http.Response, header http.Header) bool {
	base := *c.h.origin
	base.Path = c.op.Path()
	if resp.StatusCode < 200 || resp.StatusCode > 599 {
		c.badAnswer("the answer has no status that ends a request")
		return false
	}
	if resp.StatusCode == http.StatusUnauthorized {
		if value := c.rewriteChallenge(resp.Header); value != "" {
			header.Set("WWW-Authenticate", value)
		}
		if challenge, ok, err := wire.BearerChallenge(resp.Header); err == nil && ok {
			c.h.noteRefused(challenge.Scope) // the registry wants more than was known
		}
	}
	locations := resp.Header.Values("Location")
	switch {
	case isRedirect(resp):
		to, err := resp.Location()
		if !c.op.IsBlob() || err != nil || to.Host == "" || to.User != nil || len(locations) != 1 ||
			strings.EqualFold(to.Host, c.h.origin.Host) {
			c.badAnswer("the registry redirects what it should answer")
			return false
		}
		header.Set("Location", to.String())
		header.Set("Content-Length", "0")
	case len(locations) > 1:
		c.badAnswer("the answer names several places")
		return false
	case len(locations) == 1 && (resp.StatusCode < 300 || resp.StatusCode == http.StatusRequestedRangeNotSatisfiable):
		//rule:proxy-down-rewrite
		location, ok := c.location(&base, locations[0])
		if !ok {
			c.badAnswer("the answer names a place that is not the registry's, or not the repository's")
			return false
		}
		header.Set("Location", location)
	}
	if links := resp.Header.Values("Link"); len(links) > 0 && resp.StatusCode < 300 && c.op.IsList() {
		// A page without its link would look like the end of the list.
		link, ok := c.link(&base, links)
		if !ok {
			c.badAnswer("the link to the next page leads to another list")
			return false
		}
		if link != "" {
			header.Set("Link", link)
		}
	}
	return true
}

// location returns where content or an upload is at the proxy, relative as ACR's
// are (recorded).
func (c *call) location(base *url.URL, text string) (string, bool) {
	to, ok := c.h.relative(base, text)
	if !ok {
		return "", false
	}
	if location, ok := c.h.wrapUpload(to, c.op.Repository); ok {
		return location, true
	}
	op, ok := operation.Parse(http.MethodGet, &url.URL{Path: to.Path})
	if !ok || op.IsUpload() || op.Repository != c.op.Repository {
		return "", false
	}
	return op.Path(), true
}

// link returns the link to the next page (RFC 8288), relative as ACR's are; "" if
// there is none. It must be of the same list.
func (c *call) link(base *url.URL, values []string) (string, bool) {
	if len(values) > 1 || len(values[0]) > maxLink {
		return "", false
	}
	rest, found := strings.CutPrefix(strings.TrimSpace(values[0]), "<")
	target, parameters, closed := strings.Cut(rest, ">")
	if !found || !closed || strings.Contains(parameters, "<") {
		return "", false
	}
	switch strings.ReplaceAll(strings.ToLower(parameters), " ", "") {
	case `;rel="next"`, ";rel=next":
	default:
		return "", false
	}
	to, ok := c.h.relative(base, target)
	if !ok {
		return "", false
	}
	next, ok := operation.Parse(http.MethodGet, to)
	if !ok || !next.SameResource(c.op) {
		return "", false
	}
	return "<" + next.URI() + `>; rel="next"`, true
}
