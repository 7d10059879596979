package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
)

// forwardedHeaders are the headers of a request that are sent to the registry, and no
// others. A client may send several where the value is true, as Docker does. Of the
// others it may send one, because two programs may choose differently between two.
var forwardedHeaders = map[string]bool{
	"Accept":                 true,
	"Content-Range":          false,
	"Content-Type":           false,
	"If-Match":               false,
	"If-Modified-Since":      false,
	"If-None-Match":          false,
	"If-Range":               false,
	"If-Unmodified-Since":    false,
	"Range":                  false,
	"User-Agent":             false,
	"X-Ms-Client-Request-Id": false,
}

// requestHeader returns the header for the registry; ok is false if one that may be
// there once is there twice.
func requestHeader(from http.Header) (header http.Header, ok bool) {
	// Otherwise a transport would ask for gzip and unpack it, which changes lengths and
	// ranges.
	header = http.Header{"Accept-Encoding": {"identity"}, "User-Agent": {""}}
	//rule:proxy-known-request-header
	for name, several := range forwardedHeaders {
		values := from[name]
		//rule:proxy-known-request-header-2
		if len(values) > 1 && !several {
			return nil, false
		}
		if len(values) > 0 {
			header[name] = values
		}
	}
	return header, true
}

// forward sends the request to the registry, written anew from its parts, and its
// answer to the client.
func (c *call) forward() {
	header, ok := requestHeader(c.r.Header)
	if !ok {
		c.fail(http.StatusBadRequest, "UNSUPPORTED", "a header that may appear once appears twice", nil)
		return
	}
	at := *c.h.origin
	//rule:proxy-known-forward
	at.Path, at.RawQuery = c.op.Path(), c.op.Query.Encode()
	if c.op.IsUpload() {
		if at.RawQuery, ok = c.h.unwrapUpload(c.op); !ok {
			c.fail(http.StatusNotFound, "BLOB_UPLOAD_INVALID", "blob upload invalid", nil) // recorded
			return
		}
	}
	ctx, cancel := context.WithCancelCause(c.r.Context())
	defer cancel(nil)
	defer context.AfterFunc(c.h.life, func() { cancel(errEnding) })()
	guard := &operation.Guard{Allows: c.h.allows}
	timer := startIdleTimer(c.w, cancel)
	defer timer.stop()

	req := (&http.Request{Method: c.op.Method, URL: &at, Host: at.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(operation.WithGuard(ctx, guard))
	up, err := c.attachBody(req, timer)
	if err != nil {
		abort() // the client has gone
	}
	resp, err := c.h.upstream.RoundTrip(req)
	if up != nil {
		defer up.takeBack()
	}
	//rule:proxy-down-forward
	if err == nil && isRedirect(resp) && c.op.IsBlob() && !c.h.pass {
		resp, err = c.follow(ctx, resp, header) //nolint:bodyclose // answer does
	}
	if err != nil {
		if up != nil && up.failure() != nil || c.isGone() {
			abort()
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if timer.stop() {
			c.w.Header().Set("Connection", "close")
		}
		c.reclaim(up)
		c.failed(err)
		return
	}
	c.reclaim(up)
	c.answer(resp, guard, timer)
}

var errEnding = errors.New("the proxy is ending")

// attachBody gives the request the client's body, if its operation has one. A small body
// is read first, so that it can be sent again with a new token; any other is streamed.
func (c *call) attachBody(req *http.Request, timer *idleTimer) (*body, error) {
	if !c.op.HasBody() || c.r.ContentLength == 0 {
		req.Body = http.NoBody
		return nil, nil
	}
	req.ContentLength = c.r.ContentLength
	timer.reading.Store(true)
	if n := c.r.ContentLength; n > 0 && n <= maxReplay && !c.op.IsUpload() {
		data := make([]byte, n)
		if _, err := io.ReadFull(c.r.Body, data); err != nil {
			return nil, err
		}
		timer.reading.Store(false)
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		req.Body, _ = req.GetBody()
		return nil, nil
	}
	if c.r.Header.Get("Expect") != "" {
		// The expectation is passed on: if the registry refuses at once, the body is never
		// sent. There is no other expectation than this one.
		req.Header.Set("Expect", "100-continue")
	}
	b := &body{from: c.r.Body, timer: timer}
	req.Body = b
	return b, nil
}

// reclaim takes the client's body back before the client is answered. If the registry
// did not read all of it, the rest is drained.
func (c *call) reclaim(up *body) {
	if up == nil || !up.takeBack() { // nil: the operation has no body, but the client may have sent one
		//rule:proxy-times-reclaim
		c.body.Drain()
	}
}

// isRedirect reports whether an answer is a redirect.
func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow gets a blob from the storage that the registry has named. The transport
// sends no Authorization there, and no request over plain HTTP off this machine.
func (c *call) follow(ctx context.Context, resp *http.Response, header http.Header) (*http.Response, error) {
	registry := resp
	for hop := 0; isRedirect(resp); hop++ {
		to, err := resp.Location()
		_ = resp.Body.Close()
		switch {
		case err != nil || to.Host == "" || to.User != nil:
			return nil, c.badRedirect("redirects a blob to nowhere")
		case hop == maxRedirects:
			return nil, c.badRedirect("redirects a blob again and again")
		//rule:proxy-down-follow
		case strings.EqualFold(to.Host, c.h.origin.Host):
			// That would be another request with the credential, which the client did not make.
			return nil, c.badRedirect("redirects a blob to itself")
		}
		next := (&http.Request{Method: c.op.Method, URL: to, Host: to.Host, Header: header.Clone(), Body: http.NoBody,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Response: resp}).WithContext(ctx)
		next.Header.Del("X-Ms-Client-Request-Id")
		if resp, err = c.h.upstream.RoundTrip(next); err != nil {
			return nil, err
		}
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusNotModified, http.StatusRequestedRangeNotSatisfiable,
		http.StatusPreconditionFailed:
	default:
		_ = resp.Body.Close()
		return nil, c.badRedirect("has its blob in a storage that answers " + resp.Status)
	}
	// The storage's answer lacks these headers; the registry's has them.
	for _, name := range []string{"Docker-Content-Digest", "Docker-Distribution-Api-Version",
		"X-Ms-Correlation-Request-Id"} {
		if v := registry.Header.Get(name); v != "" {
			resp.Header.Set(name, v)
		}
	}
	return resp, nil
}

func (c *call) badRedirect(how string) error {
	return &acrkit.Error{Code: acrkit.CodeProtocol, Op: "get a blob", Registry: c.h.upstream.Registry(),
		Reason: "the registry " + how}
}

// relative resolves an address of the registry; ok is false if it leads to another host.
func (h *Handler) relative(base *url.URL, text string) (*url.URL, bool) {
	ref, err := url.Parse(text)
	if err != nil {
		return nil, false
	}
	to := base.ResolveReference(ref)
	return to, to.Opaque == "" && to.User == nil && strings.EqualFold(to.Scheme, h.origin.Scheme) &&
		strings.EqualFold(to.Host, h.origin.Host)
}
