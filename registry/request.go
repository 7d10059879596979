package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
)

const (
	// maxAttempts bounds how often one request is sent.
	maxAttempts = 4
	// firstBackoff is the wait before the second attempt; it doubles.
	firstBackoff = 250 * time.Millisecond
	// maxRetryAfter is the longest wait a server may ask for. ACR counts down
	// from at most 60 s (documented); more is answered with an error, because a
	// person would take the silence for a hang.
	maxRetryAfter = 90 * time.Second
	// maxBody is the largest answer that is read. A page of 1000 manifests is
	// about 1 MiB; thousands of tags on one manifest make it more.
	maxBody = 32 << 20
	// maxErrorBody is how much of an error answer is read: recorded ones stay
	// under 1 KiB.
	maxErrorBody = 64 << 10
)

// call is one request of the API.
type call struct {
	op     string // after "cannot"
	method string
	path   string
	query  url.Values
	body   []byte
	accept []int  // statuses that are success
	media  string // what to accept; "" = application/json
	limit  int64  // the largest answer; 0 = maxBody
}

// answer is a successful response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	url    *url.URL
}

// do sends a call and retries it where that is safe: any answer that says the
// request was not done (429, 503), and for GET also server and network errors.
// giveUp, where given, is asked before a retry; true returns the error at once.
func (c *Client) do(ctx context.Context, q call, giveUp func(error) bool) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, retryAfter, err := c.once(ctx, q)
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil || attempt == maxAttempts || !retriable(q.method, err) || (giveUp != nil && giveUp(err)) {
			return nil, err
		}
		if retryAfter > maxRetryAfter {
			if e, ok := errors.AsType[*acrkit.Error](err); ok {
				e.Reason = fmt.Sprintf("the registry asks to wait %s, which is longer than %s", retryAfter, maxRetryAfter)
			}
			return nil, err
		}
		if werr := wait(ctx, max(retryAfter, backoff(attempt))); werr != nil {
			return nil, c.transportError(q, werr)
		}
	}
}

// backoff returns the wait after the nth attempt, with jitter so that many
// clients do not come back together.
func backoff(attempt int) time.Duration {
	d := firstBackoff << (attempt - 1)
	return d + rand.N(d/2)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func retriable(method string, err error) bool {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case acrkit.CodeThrottled:
		return true
	case acrkit.CodeUnavailable:
		if e.Status == http.StatusServiceUnavailable {
			return true
		}
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return false // the name will not appear within a second
		}
		return method == http.MethodGet
	}
	return false
}

// once sends a call a single time. It returns the wait the server asked for.
func (c *Client) once(ctx context.Context, q call) (_ *answer, retryAfter time.Duration, err error) {
	actx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	u := &url.URL{Scheme: c.scheme, Host: c.reg.Host(), Path: q.path, RawQuery: q.query.Encode()}
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(actx, q.method, u.String(), body)
	if err != nil {
		return nil, 0, &acrkit.Error{Code: acrkit.CodeUsage, Op: q.op, Registry: c.reg, Causes: []error{err}}
	}
	req.Header.Set("User-Agent", "acrkit")
	req.Header.Set("Accept", cmp.Or(q.media, "application/json"))
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, c.transportError(q, c.attemptError(ctx, actx, err))
	}
	defer resp.Body.Close()
	limit := cmp.Or(q.limit, maxBody)
	for _, status := range q.accept {
		if resp.StatusCode != status {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
		if err != nil {
			return nil, 0, c.transportError(q, c.attemptError(ctx, actx, err))
		}
		if int64(len(data)) > limit {
			return nil, 0, c.withAnswer(q, resp, &acrkit.Error{Code: acrkit.CodeTooLarge,
				Reason: fmt.Sprintf("the answer is larger than %d MiB", limit>>20)})
		}
		return &answer{resp.StatusCode, resp.Header, data, u}, 0, nil
	}
	// The body of an error answer is evidence only; what cannot be read of it is
	// left out.
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return nil, parseRetryAfter(resp.Header), c.statusError(q, resp, data)
}

// attemptError tells our own time limit from the caller's.
func (c *Client) attemptError(ctx, actx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(context.Cause(actx), errTimeout) {
		return errTimeout
	}
	return err
}

// parseRetryAfter reads the header in both its forms (RFC 9110 §10.2.3): seconds,
// or a date, which is counted from the answer's own Date.
func parseRetryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// transportError wraps what went wrong before there was an answer. An error of
// the transport that already is an acrkit.Error keeps its code and evidence.
func (c *Client) transportError(q call, err error) error {
	out := &acrkit.Error{Code: acrkit.CodeUnavailable, Op: q.op, Registry: c.reg, Method: q.method, URL: c.location(q)}
	if inner, ok := errors.AsType[*acrkit.Error](err); ok {
		out.Code, out.Reason, out.Hint = inner.Code, inner.Reason, inner.Hint
		out.Status, out.RequestID = inner.Status, inner.RequestID
		out.Required, out.Granted = inner.Required, inner.Granted
		if inner.URL != "" {
			out.Method, out.URL = inner.Method, inner.URL
		}
		if out.Reason == "" {
			out.Reason = causesText(inner)
		}
		out.Causes = []error{err}
		return out
	}
	var uerr *url.Error
	if errors.As(err, &uerr) {
		err = uerr.Err // its text would repeat the URL
	}
	out.Causes = []error{err}
	var (
		dns       *net.DNSError
		cert      *tls.CertificateVerificationError
		recordErr tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, errTimeout):
		out.Reason = fmt.Sprintf("no complete answer within %s", c.timeout)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Reason = err.Error()
	case errors.As(err, &cert):
		out.Code = acrkit.CodeTLS
		out.Reason = "the server's certificate is not trusted: " + cert.Err.Error()
	case errors.As(err, &recordErr):
		out.Code = acrkit.CodeTLS
		out.Reason = "the server does not speak TLS"
	case errors.As(err, &dns) && dns.IsNotFound:
		out.Reason = fmt.Sprintf("no such host %q", dns.Name)
	}
	return out
}

func causesText(e *acrkit.Error) string {
	texts := make([]string, 0, len(e.Causes))
	for _, cause := range e.Causes {
		texts = append(texts, cause.Error())
	}
	return strings.Join(texts, "; ")
}

// location is the URL for messages: the API's queries hold names and sizes only.
func (c *Client) location(q call) string {
	u := url.URL{Scheme: c.scheme, Host: c.reg.Host(), Path: q.path, RawQuery: q.query.Encode()}
	return u.String()
}
