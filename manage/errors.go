package manage

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/exactjson"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// failed turns the SDK's error into an [*acrkit.Error]. The SDK's holds the request with
// its token, and its text the whole answer.
func (r *Registry) failed(ctx context.Context, op string, err error) error {
	return failed(ctx, r.registry, r.options, op, err)
}

func failed(ctx context.Context, reg acrkit.Registry, options *arm.ClientOptions, op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok { // of the identity
		return wire.WithOp(e, op, reg)
	}
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		if ended := context.Cause(ctx); ended != nil {
			return ended
		}
		return unreachable(err, reg, options, op)
	}
	e := &acrkit.Error{Op: op, Registry: reg, Status: answer.StatusCode}
	code, message := answer.ErrorCode, ""
	if resp := answer.RawResponse; resp != nil {
		e.RequestID = cmp.Or(resp.Header.Get("X-Ms-Correlation-Request-Id"), resp.Header.Get("X-Ms-Request-Id"))
		if req := resp.Request; req != nil && req.URL != nil {
			e.Method, e.URL = req.Method, redact.URL(req.URL)
		}
		if e.Status == http.StatusTooManyRequests {
			e.RetryAfter = wire.RetryAfter(resp.Header)
		}
		c, m := armSaid(resp)
		code, message = cmp.Or(c, code), m
	}
	if code != "" || message != "" {
		e.Errs = []error{acrkit.ServiceError{Code: code, Message: redact.Text(message)}}
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		e.Code, e.Reason = acrkit.CodeCredentialRejected, "Azure Resource Manager does not accept the identity's token"
	case e.Status == http.StatusForbidden:
		e.Code = acrkit.CodeDenied
		if strings.EqualFold(code, "AuthorizationFailed") {
			e.Cause = cause.ARMActionDenied
		}
	case e.Status == http.StatusNotFound:
		e.Code = acrkit.CodeNotFound
	case e.Status == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, "Azure Resource Manager asks to slow down"
	case e.Status >= 500:
		e.Code = acrkit.CodeUnavailable
	}
	if e.Reason == "" && len(e.Errs) == 0 {
		e.Reason = "Azure Resource Manager answered " + http.StatusText(e.Status)
	}
	return e
}

// unreachable is the error of a request that got no answer. It names the host: which one it
// is depends on the registry's cloud.
func unreachable(err error, reg acrkit.Registry, options *arm.ClientOptions, op string) error {
	endpoint := options.Cloud.Services[cloud.ResourceManager].Endpoint
	host := strings.TrimPrefix(endpoint, "https://")
	e := wire.NetworkError(err, op, reg, host)
	switch e.Cause {
	case cause.ProxyUnreachable, cause.ProxyMalformed:
		return e
	}
	if host != reg.Host() {
		e.Reason += "; this host is the registry's Azure Resource Manager"
	}
	if e.Code == acrkit.CodeUnavailable {
		e.Hint = sentence.Fix(sentence.ReachARM, map[string]string{"endpoint": endpoint})
	}
	return e
}

// armSaid reads the error of an answer: {"error":{"code":…,"message":…}}.
func armSaid(resp *http.Response) (code, message string) {
	body, err := runtime.Payload(resp) // which azcore has read and keeps
	if err != nil {
		return "", ""
	}
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if exactjson.Unmarshal(body, &said) != nil {
		return "", ""
	}
	return said.Error.Code, said.Error.Message
}
