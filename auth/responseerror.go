package auth

import (
	"errors"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// ResponseError turns an answer of the registry with a status of 400 and above into an
// [*acrkit.Error] that says which right was missing, and closes its body. For other
// answers it returns nil and leaves the body open. op is the operation as it follows
// "cannot": `list tags of "team/app"`.
func (t *Transport) ResponseError(resp *http.Response, op string) error {
	if resp.StatusCode < 400 {
		return nil
	}
	who := t
	if t.parts != nil && resp.Request != nil && resp.Request.URL != nil {
		if p, err := t.partForRequest(resp.Request); err == nil {
			who = p
		}
	}
	e := wire.Attempt{Op: op, Registry: t.registry, Transport: who}.Refused(resp)
	if e.Status == http.StatusUnauthorized && e.Code == acrkit.CodeCredentialRejected && resp.Request != nil &&
		!rewinds(resp.Request) {
		e.Reason += "; the body of the request can be read only once, so it was not sent again: a new call gets a " +
			"new token"
	}
	return wire.Final(e)
}

// failed returns the error of a request that got no answer. The error of the caller's
// own context is returned unchanged.
func (t *Transport) failed(req *http.Request, err error) error {
	if req.Context().Err() != nil {
		return err
	}
	e := wire.NetworkError(err, "", t.registry, req.URL.Host)
	e.Method, e.URL = req.Method, redact.URL(req.URL)
	if e.Code == acrkit.CodeUsage { // nothing was sent, and will not be
		return wire.Final(e)
	}
	return &networkError{e}
}

// networkError adds the methods of net.Error to an error of the network.
type networkError struct{ err *acrkit.Error }

func (e *networkError) Error() string { return e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

// Timeout reports whether a time limit passed; http.Client and retrying clients call it.
func (e *networkError) Timeout() bool {
	for _, cause := range e.err.Errs {
		if t, ok := errors.AsType[interface {
			error
			Timeout() bool
		}](cause); ok && t.Timeout() {
			return true
		}
	}
	return false
}

// Temporary makes the error a net.Error.
func (e *networkError) Temporary() bool { return e.Timeout() }
