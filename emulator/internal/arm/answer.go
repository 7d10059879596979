package arm

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/jsonbody"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/internal/wording"
)

// MaxBody is the largest body of a request, in bytes. Documented.
//
//rule:emulator-limits-arm-body
const MaxBody = 4 << 20

// The counters that ARM sends with the answers to writes and deletes. Source: recordings
// of 2020, whose highest values these are. They do not count down.
const (
	remainingWrites  = "1199"
	remainingDeletes = "14999"
)

func setHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	if id := r.Header.Get(answer.CorrelationHeader); guid.Is(id) {
		h.Set(answer.CorrelationHeader, id)
	}
	h.Set("X-Ms-Request-Id", guid.New())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodDelete:
		h.Set("X-Ms-Ratelimit-Remaining-Subscription-Deletes", remainingDeletes)
	default:
		h.Set("X-Ms-Ratelimit-Remaining-Subscription-Writes", remainingWrites)
	}
}

// failure is an error of ARM, as it is answered.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

type errorBody struct {
	Error  errorDetail `json:"error"`
	Status string      `json:"status"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *failure) write(w http.ResponseWriter) {
	answer.ARMError(w, f.status, f.code, f.message)
}

// providerFailure is an error of the registries' provider, which ARM passes on: it has a
// status beside the error (recorded).
type providerFailure struct{ failure }

func (f *providerFailure) write(w http.ResponseWriter) {
	answer.JSON(w, f.status, errorBody{Error: errorDetail{f.code, f.message}, Status: "Failed"})
}

// notFound is the answer to a resource that the group does not have.
func notFound(what, group string) error {
	return &failure{http.StatusNotFound, "ResourceNotFound", fmt.Sprintf("The Resource '%s' under resource group "+
		"'%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		clip(what), clip(group))}
}

// notInRegistry is the answer to a scope map, token or the like that the registry does not
// have (recorded).
func notInRegistry(name string) error {
	return &providerFailure{failure{http.StatusNotFound, "ResourceNotFound",
		fmt.Sprintf("The resource %s could not be found.", clip(name))}}
}

// invalid is the answer to a value that a resource cannot have.
func invalid(code, format string, args ...any) error {
	return &providerFailure{failure{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}}
}

// maxQuoted is how many bytes an error quotes of the request.
const maxQuoted = 200

func clip(s string) string { return wording.Clip(s, maxQuoted) }

// fail answers an error.
func (c *call) fail(err error) {
	var f interface{ write(http.ResponseWriter) }
	if errors.As(err, &f) {
		f.write(c.w)
		return
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		switch e.Code {
		case acrkit.CodeUsage:
			c.fail(invalid("InvalidParameter", "%s.", wording.Reason(err)))
			return
		case acrkit.CodeNotFound:
			c.fail(&providerFailure{failure{http.StatusNotFound, "ResourceNotFound", wording.Reason(err) + "."}})
			return
		case acrkit.CodeTooLarge:
			c.fail(&providerFailure{failure{http.StatusForbidden, "QuotaExceeded", wording.Reason(err) + "."}})
			return
		}
	}
	c.h.Logger.Error("a request to Azure Resource Manager failed", "error", err, "path", c.r.URL.Path)
	c.fail(&failure{http.StatusInternalServerError, "InternalServerError", "The emulator failed; its log says why."})
}

// answer writes an answer with a body.
func (c *call) answer(status int, body any) error {
	answer.JSON(c.w, status, body)
	return nil
}

// empty writes an answer without a body.
func (c *call) empty(status int) error {
	answer.Empty(c.w, status)
	return nil
}

type list struct {
	Value []any `json:"value"`
}

// listOf lists the items that keep accepts; nil keeps all.
func listOf[T any](items []T, keep func(T) bool, form func(T) any) list {
	out := list{Value: []any{}}
	for _, x := range items {
		if keep == nil || keep(x) {
			out.Value = append(out.Value, form(x))
		}
	}
	return out
}

// decode reads the request's body as JSON. Keys that into does not have are ignored, and
// case does not matter, as in ARM.
func (c *call) decode(into any) error {
	//rule:emulator-limits-arm-decode
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, MaxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &failure{http.StatusRequestEntityTooLarge, "RequestContentTooLarge",
			fmt.Sprintf("The request content size exceeds the maximum size of '%d' bytes.", tooLarge.Limit)}
	}
	if err != nil {
		return &failure{http.StatusBadRequest, "InvalidRequestContent", "The request content could not be read."}
	}
	if err := jsonbody.Decode(data, into); err != nil {
		return &failure{http.StatusBadRequest, "InvalidRequestContent",
			"The request content was invalid and could not be deserialized: '" + clip(err.Error()) + "'."}
	}
	return nil
}
