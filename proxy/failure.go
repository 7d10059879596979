package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

const debug = slog.LevelDebug

func (c *call) attributes(status int) []slog.Attr {
	return []slog.Attr{slog.String("method", c.r.Method), slog.String("url", redact.URL(c.r.URL)),
		slog.Int("status", status)}
}

// failed answers a request that the registry has not answered.
//
// If the registry refused the proxy's credential, the status is 403, which no client
// retries or answers with another login: the client's own credential is valid. Other
// failures are 502, or 504 for a timeout.
func (c *call) failed(err error) {
	var e *acrkit.Error
	if !errors.As(err, &e) {
		e = wire.NetworkError(err, "ask the registry", c.h.upstream.Registry(), c.h.upstream.Registry().Host())
	}
	if e.Op == "" { // the error of a request names no operation
		named := *e
		named.Op = "ask the registry"
		e = &named
	}
	status, code := http.StatusBadGateway, "UNAVAILABLE"
	switch e.Code {
	case acrkit.CodeCredentialRejected, acrkit.CodeCredentialMissing, acrkit.CodeInsufficientScope, acrkit.CodeDenied:
		status, code = http.StatusForbidden, "DENIED"
	case acrkit.CodeThrottled:
		status, code = http.StatusTooManyRequests, "TOOMANYREQUESTS"
		if wait := e.RetryAfter.Round(time.Second); wait > 0 {
			c.w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		}
	default:
		if isTimeout(err) {
			status = http.StatusGatewayTimeout
		}
	}
	if e.RequestID != "" {
		c.w.Header().Set(wire.CorrelationHeader, e.RequestID)
	}
	message := redact.Text("the proxy "+e.Error(), c.h.redact...)
	c.h.log.LogAttrs(c.r.Context(), slog.LevelWarn, "the registry did not answer",
		append(c.attributes(status), slog.String("error", message))...)
	c.fail(status, code, message, nil)
}

// badAnswer answers a request if the registry's answer breaks the protocol or cannot be
// passed on.
func (c *call) badAnswer(reason string) {
	c.failed(&acrkit.Error{Code: acrkit.CodeProtocol, Op: "pass on an answer",
		Registry: c.h.upstream.Registry(), Reason: reason})
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}
