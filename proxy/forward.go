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

// goesUp are the headers of a request that the registry gets; it gets no other. A
// client may send several of the first, as Docker does; of the others one, because
// two readers may choose differently between two.
var goesUp = map[string]bool{
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

// requestHeader returns the header that goes up; ok is false where one stands twice
// that may stand once.
func requestHeader(from http.Header) (header http.Header, ok bool) {
	// No transport then asks for gzip and unpacks it on the way, which would change
	// lengths and ranges.
	header = http.Header{"Accept-Encoding": {"identity"}, "User-Agent": {""}}
	for name, several := range goesUp {
		values := from[name]
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
		c.fail(http.StatusBadRequest, "UNSUPPORTED", "a header that may be there once is there twice", nil)
		return
	}
	at := *c.h.origin
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
	watch := startWatch(c.w, cancel)
	defer watch.stop()

	req := (&http.Request{Method: c.op.Method, URL: &at, Host: at.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(operation.WithGuard(ctx, guard))
	up, err := c.attachBody(req, watch)
	if err != nil {
		lost() // the client has gone
	}
	resp, err := c.h.upstream.RoundTrip(req)
	if up != nil {
		defer up.takeBack()
	}
	if err == nil && isRedirect(resp) && c.op.IsBlob() && !c.h.pass {
		resp, err = c.follow(ctx, resp, header) //nolint:bodyclose // answer does
	}
	if err != nil {
		if up != nil && up.failure() != nil || c.isGone() {
			lost()
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if watch.stop() {
			c.w.Header().Set("Connection", "close")
		}
		c.reclaim(up)
		c.failed(err)
		return
	}
	c.reclaim(up)
	c.answer(resp, guard, watch)
}

var errEnding = errors.New("the proxy is ending")

// attachBody gives the request the client's body, if its operation takes one: a
// small one read, so that it can be sent again with a new token, any other as it
// comes.
func (c *call) attachBody(req *http.Request, watch *watch) (*body, error) {
	if !c.op.HasBody() || c.r.ContentLength == 0 {
		req.Body = http.NoBody
		return nil, nil
	}
	req.ContentLength = c.r.ContentLength
	watch.reading.Store(true)
	if n := c.r.ContentLength; n > 0 && n <= maxReplay && !c.op.IsUpload() {
		data := make([]byte, n)
		if _, err := io.ReadFull(c.r.Body, data); err != nil {
			return nil, err
		}
		watch.reading.Store(false)
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		req.Body, _ = req.GetBody()
		return nil, nil
	}
	if c.r.Header.Get("Expect") != "" {
		// The client's question is put to the registry: where that refuses at once, the
		// body is never sent. A server knows no other expectation than this one.
		req.Header.Set("Expect", "100-continue")
	}
	b := &body{from: c.r.Body, watch: watch}
	req.Body = b
	return b, nil
}

// reclaim takes the client's body back before it is answered. One that the registry
// did not want to its end is read as one that was refused here.
func (c *call) reclaim(up *body) {
	if up == nil || !up.takeBack() { // the first: an operation without a body that came with one
		c.body.Drain()
	}
}

// isRedirect reports whether an answer is elsewhere.
func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
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
			return nil, c.misled("redirects a blob to nowhere")
		case hop == maxRedirects:
			return nil, c.misled("redirects a blob again and again")
		case strings.EqualFold(to.Host, c.h.origin.Host):
			// What stands there was not asked for, and would be got with the credential.
			return nil, c.misled("redirects a blob to itself")
		}
		next := (&http.Request{Method: c.op.Method, URL: to, Host: to.Host, Header: header.Clone(), Body: http.NoBody,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Response: resp}).WithContext(ctx)
		next.Header.Del("X-Ms-Client-Request-Id")
		if resp, err = c.h.upstream.RoundTrip(next); err != nil {
			return nil, err
		}
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusNotModified, http.StatusRequestedRangeNotSatisfiable, http.StatusPreconditionFailed:
	default:
		_ = resp.Body.Close()
		return nil, c.misled("has its blob in a storage that answers " + resp.Status)
	}
	// What the storage does not say of the blob, the registry has said.
	for _, name := range []string{"Docker-Content-Digest", "Docker-Distribution-Api-Version", "X-Ms-Correlation-Request-Id"} {
		if v := registry.Header.Get(name); v != "" {
			resp.Header.Set(name, v)
		}
	}
	return resp, nil
}

func (c *call) misled(how string) error {
	return &acrkit.Error{Code: acrkit.CodeProtocol, Op: "get a blob", Registry: c.h.upstream.Registry(), Reason: "the registry " + how}
}

// relative returns where an address that the registry gave leads, if that is the
// registry itself.
func (h *Handler) relative(base *url.URL, text string) (*url.URL, bool) {
	ref, err := url.Parse(text)
	if err != nil {
		return nil, false
	}
	to := base.ResolveReference(ref)
	return to, to.Opaque == "" && to.User == nil && strings.EqualFold(to.Scheme, h.origin.Scheme) && strings.EqualFold(to.Host, h.origin.Host)
}
