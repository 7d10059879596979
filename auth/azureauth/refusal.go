package azureauth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// refusals returns an answer of the registry that is no success as an error, before the
// client does. The client's own error, an *azcore.ResponseError, has no Unwrap.
type refusals struct{}

func (refusals) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil || resp.StatusCode < http.StatusBadRequest || resp.Request == nil || isSuccess(resp) {
		return resp, err
	}
	from, ok := resp.Request.Context().Value(originKey{}).(origin)
	if !ok {
		return resp, nil // a policy of the caller has made the answer
	}
	ours := from.read(resp)
	if ours == nil {
		return resp, nil // the registry refused nothing: a policy of the caller changed the status
	}
	return nil, &refusedError{ours, runtime.NewResponseError(resp)}
}

// isSuccess reports whether the client takes the answer for a success: a repository, a tag
// or a manifest that it deletes may be missing, a blob or an upload may not
// (azcontainerregistry v0.2.3, client.go and blob_client.go).
func isSuccess(resp *http.Response) bool {
	p := resp.Request.URL.Path
	return resp.StatusCode == http.StatusNotFound && resp.Request.Method == http.MethodDelete &&
		(strings.HasPrefix(p, "/acr/v1/") || path.Base(path.Dir(p)) == "manifests")
}

// origin is where a response came from, for AsError: the transport, and the status
// that the registry sent, which bridge may have changed.
type origin struct {
	transport *auth.Transport
	status    int
}

type originKey struct{}

// read returns the error for an answer whose body is in memory, which it leaves as it is.
func (o origin) read(answer *http.Response) *acrkit.Error {
	resp := *answer
	body, err := runtime.Payload(answer)
	if err != nil {
		body = nil // the status and the header are evidence enough
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.StatusCode, resp.Status = o.status, fmt.Sprintf("%d %s", o.status, http.StatusText(o.status))
	e, _ := errors.AsType[*acrkit.Error](o.transport.ResponseError(&resp, resp.Request.Method+" "+
		resp.Request.URL.EscapedPath()))
	return e
}

// refusedError is an answer that is no success: our error for it, and the client's own.
type refusedError struct {
	err      *acrkit.Error
	original error // an *azcore.ResponseError
}

func (r *refusedError) Error() string   { return r.err.Error() }
func (r *refusedError) Unwrap() []error { return []error{r.err, r.original} }

// AsError returns the [*acrkit.Error] in a client's error. Where the registry refused a
// request of a client of this package, it is a copy with the operation op, as in
// [acrkit.Error]: `list tags of "team/app"`. An error without an [*acrkit.Error], also
// nil, is returned unchanged.
func AsError(op string, err error) error {
	if r, ok := errors.AsType[*refusedError](err); ok {
		e := *r.err
		e.Op = op
		return &e
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		return e
	}
	return err
}
