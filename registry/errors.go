package registry

import (
	"context"
	"errors"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// refused returns the error of an answer that is no success.
func (c *Client) refused(q call, resp *http.Response) *acrkit.Error {
	e := wire.Attempt{Op: q.op, Registry: c.reg, Transport: c.rt}.Refused(resp)
	e.RetryAfter = wire.RetryAfter(resp.Header)
	status := resp.StatusCode
	services := 0
	for _, cause := range e.Errs {
		s, ok := errors.AsType[acrkit.ServiceError](cause)
		if !ok {
			continue
		}
		services++
		if what := unknown[s.Code]; what != "" && status == http.StatusNotFound {
			e.Reason = "there is no such " + what
		}
	}
	switch {
	case status == http.StatusNotFound && services == 0:
		// A registry's body names what was not found; this is another server, or another
		// API.
		e.Reason, e.Cause = "the server does not know ACR's API at this address", cause.NotARegistry
	case status >= 300 && status < 400:
		e.Code, e.Reason = acrkit.CodeProtocol, "the registry answered with a redirect, which its API never does"
	}
	return e
}

var unknown = map[string]string{"NAME_UNKNOWN": "repository", "TAG_UNKNOWN": "tag", "MANIFEST_UNKNOWN": "manifest"}

// unanswered wraps an error from before there was a whole answer. An *acrkit.Error of the
// transport keeps its code and evidence.
func (c *Client) unanswered(q call, err error) error {
	var e *acrkit.Error
	if inner, ok := errors.AsType[*acrkit.Error](err); ok {
		kept := *inner
		e = &kept
		e.Errs = []error{err}
		e.Reason = wire.Within(inner)
	} else {
		e = wire.NetworkError(err, q.op, c.reg, c.reg.Host())
		if errors.Is(err, context.Canceled) {
			e.Reason = "it was canceled"
		}
	}
	e.Op, e.Registry = q.op, c.reg
	if e.URL == "" {
		e.Method, e.URL = q.method, c.location(q)
	}
	return e
}

// broken returns the error of an answer with a good status that does not follow the API.
func (c *Client) broken(q call, a *answer, code acrkit.Code, why string) error {
	e := wire.Evidence(&http.Response{StatusCode: a.status, Header: a.header}, q.op, c.reg)
	e.Code, e.Reason = code, why
	e.Method, e.URL = q.method, c.location(q)
	return e
}

// maxQuoted is the longest part of a message, in bytes, that quotes an argument or an answer.
const maxQuoted = 300

func clip(s string) string { return wording.Clip(s, maxQuoted) }
