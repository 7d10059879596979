// Package answer writes HTTP answers in the forms that the emulated services
// have in common.
package answer

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/acrkit/acrkit"
)

// The headers of the registry's token service. Source: recordings of 2021 to
// 2026; the server's name has changed and changed back in them.
const (
	CorrelationHeader = "X-Ms-Correlation-Request-Id"
	server            = "AzureContainerRegistry"
	transportSecurity = "max-age=31536000; includeSubDomains"
)

// Token sets the headers of /oauth2 answers.
func Token(w http.ResponseWriter) {
	w.Header().Set("Server", server)
	w.Header().Set("Strict-Transport-Security", transportSecurity)
}

// JSON writes a value as JSON.
func JSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // all callers pass structs of plain values
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(b, '\n')) // the client has gone
}

// ARMError writes an error of Azure Resource Manager.
func ARMError(w http.ResponseWriter, status int, code, message string) {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	JSON(w, status, struct {
		Error detail `json:"error"`
	}{detail{code, message}})
}

// Chunked writes a value as JSON without a Content-Length, as the token service
// does.
func Chunked(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	http.NewResponseController(w).Flush() // a recorder in a test may not flush
	json.NewEncoder(w).Encode(v)          // the client has gone
}

// Errors writes a registry's error list with one error, without a detail.
func Errors(w http.ResponseWriter, status int, code, message string) {
	Error(w, status, acrkit.ServiceError{Code: code, Message: message})
}

// ErrorsNoCharset is [Errors] with a Content-Type that names no charset, and a body
// without a line feed at its end (recorded of POST /oauth2/exchange).
func ErrorsNoCharset(w http.ResponseWriter, status int, code, message string) {
	body, err := json.Marshal(errorList(acrkit.ServiceError{Code: code, Message: message}))
	if err != nil {
		panic(err) // two texts
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has gone
}

// Error writes a registry's error list with one error.
func Error(w http.ResponseWriter, status int, e acrkit.ServiceError) {
	JSON(w, status, errorList(e))
}

func errorList(e acrkit.ServiceError) any {
	return struct {
		Errors []acrkit.ServiceError `json:"errors"`
	}{[]acrkit.ServiceError{e}}
}

// Empty writes an answer with an empty body.
func Empty(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

// NotFound answers a path that nothing serves, as recorded of the registry.
func NotFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusNotFound)
	w.Write([]byte("Not found")) // the client has gone
}
