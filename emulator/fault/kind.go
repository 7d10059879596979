package fault

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// Kind is what a fault does to a request. All kinds are ours; what they answer is as
// the service is known to answer, where it is (docs/fidelity.md).
type Kind string

// Parameter is a field of a [Fault] that only some kinds take, by its name in JSON.
type Parameter string

// The parameters.
const (
	ParameterStatus         Parameter = "status"
	ParameterRetryAfter     Parameter = "retryAfter"
	ParameterAfterBytes     Parameter = "afterBytes"
	ParameterBytesPerSecond Parameter = "bytesPerSecond"
	ParameterDelay          Parameter = "delay"
)

// kind is the row of a kind.
type kind struct {
	name   Kind
	text   string // what it does, one clause; the command's help shows it
	takes  []Parameter
	routes []Route // which requests it can hit; nil = those of all routes
	// effect says what a fault does, with its parameters; nil = the kind's name.
	effect func(Fault) string
	rule   string       // one clause: why the decision log says that a request failed
	cause  acrkit.Cause // of the failure; "" = it makes none
}

// table has all kinds, in the order of the documentation. To add one, write its row
// here and what it does in package rehearsal, then run the tests with -update: they
// write names.go and the pages, or say what is missing.
var table = []kind{
	{
		name: "throttle", text: "429 with Retry-After", takes: []Parameter{ParameterRetryAfter},
		effect: func(f Fault) string { return fmt.Sprintf("throttle, Retry-After %d", int(f.RetryAfter.Seconds())) },
		rule:   "throttled", cause: cause.Throttled,
	},
	{
		name: "status", text: "500, 502, 503 or 504, as the status says",
		takes:  []Parameter{ParameterStatus, ParameterRetryAfter},
		effect: func(f Fault) string { return fmt.Sprintf("status %d %s", f.Status, http.StatusText(f.Status)) },
		rule:   "a status of a failed server", cause: cause.Unavailable,
	},
	{
		name: "unauthorized", text: "401 with an empty body and no challenge",
		rule: "an empty 401", cause: cause.CredentialRejected,
	},
	{
		name: "drop", takes: []Parameter{ParameterAfterBytes},
		text:   "the connection ends after a number of bytes of a body, at once without one",
		effect: func(f Fault) string { return fmt.Sprintf("drop after %d bytes", f.AfterBytes) },
		rule:   "the connection ends", cause: cause.Unavailable,
	},
	{
		name: "slow", text: "bodies pass at a number of bytes per second", takes: []Parameter{ParameterBytesPerSecond},
		effect: func(f Fault) string { return fmt.Sprintf("slow at %d bytes a second", f.BytesPerSecond) },
		rule:   "bodies pass slowly",
	},
	{
		name: "hang", text: "no answer until the client gives up",
		rule: "no answer", cause: cause.ConnectionTimeout,
	},
	{
		name: "too-large", text: "413 to an upload whose body has more than a number of bytes",
		takes: []Parameter{ParameterAfterBytes}, routes: []Route{RouteBlobUpload},
		effect: func(f Fault) string { return fmt.Sprintf("too-large above %d bytes", f.AfterBytes) },
		rule:   "a part of an upload is too large", cause: cause.UploadPartRefused,
	},
	{
		name: "wrong-range", text: "416 to the request that ends an upload", routes: []Route{RouteBlobUpload},
		rule: "an upload is refused at its end", cause: cause.UploadPartRefused,
	},
	{
		name: "no-length", text: "400 to a chunk of an upload without Content-Length", routes: []Route{RouteBlobUpload},
		rule: "a chunk without its length is refused", cause: cause.UploadPartRefused,
	},
	{
		name: "disallowed", text: "405 to what a push writes, as of a registry whose storage is full",
		routes: []Route{RouteBlobUpload, RouteManifestPut},
		rule:   "a push is refused as by a registry whose storage is full", cause: cause.StorageLimit,
	},
	{
		name: "late-write", takes: []Parameter{ParameterDelay}, routes: []Route{RouteARM},
		text:   "a change waits before it is made; reads meanwhile show the state before it",
		effect: func(f Fault) string { return fmt.Sprintf("late-write by %v", f.Delay) },
		rule:   "a change waits before it is made",
	},
	{
		name: "late-password", takes: []Parameter{ParameterDelay}, routes: []Route{RouteARM},
		text:   "a renewed password works later, and the old one until then",
		effect: func(f Fault) string { return fmt.Sprintf("late-password by %v", f.Delay) },
		rule:   "a renewed password works later",
	},
}

// row returns the row of a kind; that of an unknown kind has no name.
func (k Kind) row() kind {
	if i := slices.IndexFunc(table, func(x kind) bool { return x.name == k }); i >= 0 {
		return table[i]
	}
	return kind{}
}

// Kinds returns all kinds, in the order of the documentation.
func Kinds() []Kind {
	var all []Kind
	for _, k := range table {
		all = append(all, k.name)
	}
	return all
}

// Taking returns the kinds that take a parameter.
func Taking(p Parameter) []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return !k.Takes(p) })
}

// Text says what a fault of the kind does, in one clause.
func (k Kind) Text() string { return k.row().text }

// Takes reports whether a fault of the kind has a parameter.
func (k Kind) Takes(p Parameter) bool { return slices.Contains(k.row().takes, p) }

// Hits reports whether a fault of the kind can hit requests of a route.
func (k Kind) Hits(r Route) bool {
	routes := k.row().routes
	return routes == nil || slices.Contains(routes, r)
}

// Rule says why a request that a fault of the kind hit failed, in one clause. The ID of
// the rule is "fault-" and the kind.
func (k Kind) Rule() string { return k.row().rule }

// Cause is the cause of the failure, in the table of package diagnose; "" if the kind
// makes no request fail.
func (k Kind) Cause() acrkit.Cause { return k.row().cause }
