package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

const (
	// maxAttempts bounds how often one request is sent.
	//rule:client-limits-max-attempts
	maxAttempts = 4
	// maxSilent bounds how often a request is sent to a server that does not answer in
	// time: a second time in case a packet was lost.
	//rule:stalls-max-silent
	maxSilent = 2
	// firstBackoff is the wait before the second attempt; it doubles.
	firstBackoff = 250 * time.Millisecond
	// maxRetryAfter is the longest wait a server may ask for. ACR counts down
	// from at most 60 s (documented); a longer wait is an error, because the program
	// would seem to hang.
	maxRetryAfter = 90 * time.Second
	// maxBody is the largest answer that is read. A page of 1000 manifests is
	// about 1 MiB; thousands of tags on one manifest make it more.
	maxBody = 32 << 20
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

// do sends a call and retries it if that is safe: after an answer that says that the
// request was not done (429, 503), and for GET also after server and network errors.
// giveUp, if not nil, is called before a retry; true returns the error at once.
func (c *Client) do(ctx context.Context, q call, giveUp func(error) bool) (*answer, error) {
	silences := 0
	for attempt := 1; ; attempt++ {
		a, err := c.once(ctx, q)
		if err == nil {
			return a, nil
		}
		if silent(err) {
			if silences++; silences == maxSilent {
				return nil, err
			}
		}
		if ctx.Err() != nil || attempt == maxAttempts || !retriable(q.method, err) || (giveUp != nil && giveUp(err)) {
			return nil, err
		}
		var asked time.Duration
		if e, ok := errors.AsType[*acrkit.Error](err); ok {
			// Also for an error of the transport: its token service may ask to wait.
			//rule:d3-do-2
			if asked = e.RetryAfter; asked > maxRetryAfter {
				e.Reason = fmt.Sprintf(
					"the service asks to wait %s, which is longer than the %s that are waited at most", asked,
					maxRetryAfter)
				return nil, err
			}
		}
		//rule:d3-do
		d := max(asked, backoff(attempt))
		c.onRetry(d, err)
		if werr := wait(ctx, d); werr != nil {
			return nil, c.unanswered(q, werr)
		}
	}
}

// backoff returns the wait after the nth attempt, with jitter so that many clients do not
// retry at the same time.
func backoff(attempt int) time.Duration {
	d := firstBackoff << (attempt - 1)
	return d + rand.N(d/2) //nolint:gosec // jitter needs no secrecy
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

// silent reports whether a timeout ended the request before all of the answer came.
func silent(err error) bool {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeUnavailable || e.Status != 0 {
		return false
	}
	//rule:stalls-silent
	return wire.TimedOut(err)
}

// once sends a call a single time.
func (c *Client) once(ctx context.Context, q call) (*answer, error) {
	u := &url.URL{Scheme: c.scheme, Host: c.reg.Host(), Path: q.path, RawQuery: q.query.Encode()}
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), body)
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: q.op, Registry: c.reg, Errs: []error{err}}
	}
	req.Header.Set("User-Agent", "acrkit")
	req.Header.Set("Accept", cmp.Or(q.media, "application/json"))
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unanswered(q, attemptError(ctx, err))
	}
	defer resp.Body.Close()
	limit := cmp.Or(q.limit, maxBody)
	for _, status := range q.accept {
		if resp.StatusCode != status {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
		if err != nil {
			return nil, c.unanswered(q, attemptError(ctx, err))
		}
		a := &answer{resp.StatusCode, resp.Header, data, u}
		//rule:limits-once
		if int64(len(data)) > limit {
			return nil, c.broken(q, a, acrkit.CodeTooLarge, fmt.Sprintf("the answer is larger than %d MiB", limit>>20))
		}
		return a, nil
	}
	return nil, c.refused(q, resp)
}

// attemptError returns the error of the caller's context if that ended the attempt, unless
// err says what the attempt was waiting for.
func attemptError(ctx context.Context, err error) error {
	if _, says := errors.AsType[*stall.Error](err); ctx.Err() != nil && !says {
		return context.Cause(ctx)
	}
	return err
}

// location is the URL for messages.
func (c *Client) location(q call) string {
	u := url.URL{Scheme: c.scheme, Host: c.reg.Host(), Path: q.path, RawQuery: q.query.Encode()}
	return redact.URL(&u)
}
