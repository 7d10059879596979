package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/rule"
)

// FaultKind is what a [Fault] does to a request.
type FaultKind string

// The kinds of faults; [FaultKind.Text] says what each does. All are ours; what they
// answer is as the service is known to answer, where it is (docs/fidelity.md).
const (
	FaultThrottle     FaultKind = "throttle"     // of storage 503, as it throttles
	FaultStatus       FaultKind = "status"       // as Status says
	FaultUnauthorized FaultKind = "unauthorized" // of storage 403, which has no 401
	FaultDrop         FaultKind = "drop"         // of a request's body or an answer's
	FaultSlow         FaultKind = "slow"         // both bodies
	FaultHang         FaultKind = "hang"         // at most ten minutes
	FaultTooLarge     FaultKind = "too-large"    // of RouteBlobUpload
	FaultWrongRange   FaultKind = "wrong-range"  // of RouteBlobUpload
	FaultNoLength     FaultKind = "no-length"    // of RouteBlobUpload
	FaultDisallowed   FaultKind = "disallowed"   // of RouteBlobUpload and RouteManifestPut
)

// FaultKinds returns all kinds of faults.
func FaultKinds() []FaultKind {
	var all []FaultKind
	for _, k := range faultKinds {
		all = append(all, k.name)
	}
	return all
}

// Text says what a fault of the kind does, in one clause.
func (k FaultKind) Text() string { return k.kind().text }

// kind returns the kind's entry in the table; that of an unknown kind has no name.
func (k FaultKind) kind() faultKind {
	if i := slices.IndexFunc(faultKinds, func(x faultKind) bool { return x.name == k }); i >= 0 {
		return faultKinds[i]
	}
	return faultKind{}
}

// rule is the rule of the requests that a fault of the kind hits.
func (k FaultKind) rule() rule.ID { return rule.ID("fault-" + k) }

// numbers are the fields of a [Fault] that a kind takes.
type numbers uint8

const (
	takesStatus numbers = 1 << iota
	takesRetryAfter
	takesAfterBytes
	takesSpeed
)

// injection applies a fault to a request, and reports whether that was the whole
// answer. If not, the request goes on with another writer, and finish is called at
// its end.
type injection func(e *Emulator, w http.ResponseWriter, r *http.Request, route Route, f Fault) (
	next http.ResponseWriter, finish func(), done bool,
)

// faultKind is a kind of fault.
type faultKind struct {
	name   FaultKind
	text   string // what it does, one clause; the command's help shows it
	takes  numbers
	routes []Route // which requests it can hit; nil = those of all routes
	// of reports whether it can hit a request of these routes; nil = each.
	of func(r *http.Request, f Fault) bool
	// effect says what a fault does, with its numbers; nil = the kind's name.
	effect func(Fault) string
	inject injection
	// storage is the status at the host of blobs, in Azure storage's words; nil = as elsewhere.
	storage func(Fault) int
}

// faultKinds is the table of kinds, in the order of the documentation. A kind has
// an entry here, a rule in package rule and that rule's cause beside it;
// tests compare the rest (openapi.yaml, the command, docs/refusals.md) with it.
var faultKinds = []faultKind{
	{
		name: FaultThrottle, text: "429 with Retry-After", takes: takesRetryAfter,
		effect: func(f Fault) string { return fmt.Sprintf("throttle, Retry-After %d", int(f.RetryAfter.Seconds())) },
		inject: answering(func(w http.ResponseWriter, r *http.Request, route Route, _ Fault) {
			fail(w, r, route, http.StatusTooManyRequests)
		}),
		storage: func(Fault) int { return http.StatusServiceUnavailable },
	},
	{
		name: FaultStatus, text: "500, 502, 503 or 504, as the status says", takes: takesStatus | takesRetryAfter,
		effect: func(f Fault) string { return fmt.Sprintf("status %d %s", f.Status, http.StatusText(f.Status)) },
		inject: answering(func(w http.ResponseWriter, r *http.Request, route Route, f Fault) {
			fail(w, r, route, f.Status)
		}),
		storage: func(f Fault) int { return f.Status },
	},
	{
		name: FaultUnauthorized, text: "401 with an empty body and no challenge",
		inject: answering(func(w http.ResponseWriter, _ *http.Request, route Route, _ Fault) {
			commonHeaders(w, route)
			answer.Empty(w, http.StatusUnauthorized)
		}),
		storage: func(Fault) int { return http.StatusForbidden },
	},
	{
		name: FaultDrop, takes: takesAfterBytes,
		text:   "the connection ends after a number of bytes of a body, at once without one",
		effect: func(f Fault) string { return fmt.Sprintf("drop after %d bytes", f.AfterBytes) },
		inject: drop,
	},
	{
		name: FaultSlow, text: "bodies pass at a number of bytes per second", takes: takesSpeed,
		effect: func(f Fault) string { return fmt.Sprintf("slow at %d bytes a second", f.BytesPerSecond) },
		inject: slow,
	},
	{
		name: FaultHang, text: "no answer until the client gives up",
		inject: func(e *Emulator, _ http.ResponseWriter, r *http.Request, _ Route, _ Fault) (
			http.ResponseWriter, func(), bool,
		) {
			e.hang(r)
			panic(http.ErrAbortHandler)
		},
	},
	{
		name: FaultTooLarge, text: "413 to an upload whose body has more than a number of bytes", takes: takesAfterBytes,
		routes: []Route{RouteBlobUpload},
		//rule:upload-faults-of
		of:     func(r *http.Request, f Fault) bool { return r.ContentLength < 0 || r.ContentLength > f.AfterBytes },
		effect: func(f Fault) string { return fmt.Sprintf("too-large above %d bytes", f.AfterBytes) },
		inject: tooLarge,
	},
	{
		name: FaultWrongRange, text: "416 to the request that ends an upload",
		routes: []Route{RouteBlobUpload},
		of:     func(r *http.Request, _ Fault) bool { return r.Method == http.MethodPut },
		inject: refusing(http.StatusRequestedRangeNotSatisfiable, acrkit.ServiceError{
			Code: "BLOB_UPLOAD_RANGE_INVALID", Message: "blob upload range invalid",
		}),
	},
	{
		name: FaultNoLength, text: "400 to a chunk of an upload without Content-Length",
		routes: []Route{RouteBlobUpload},
		//rule:upload-faults-of-2
		of: func(r *http.Request, _ Fault) bool { return r.Method == http.MethodPatch && r.ContentLength < 0 },
		inject: refusing(http.StatusBadRequest, acrkit.ServiceError{
			Code: "CONTENT_LENGTH_INVALID", Message: "invalid content length",
		}),
	},
	{
		name: FaultDisallowed, text: "405 to what a push writes, as of a registry whose storage is full",
		routes: []Route{RouteBlobUpload, RouteManifestPut},
		of: func(r *http.Request, _ Fault) bool {
			//rule:upload-faults-fault-kinds
			return r.Method == http.MethodPost || r.Method == http.MethodPatch || r.Method == http.MethodPut
		},
		inject: refusing(http.StatusMethodNotAllowed, acrkit.ServiceError{
			Code: "REGISTRY_DISALLOWED_OPERATION", Message: dataplane.Disallowed, Detail: json.RawMessage("{}"),
		}),
	},
}

// answering is an injection that answers, with Retry-After where the fault has one.
func answering(write func(w http.ResponseWriter, r *http.Request, route Route, f Fault)) injection {
	return func(_ *Emulator, w http.ResponseWriter, r *http.Request, route Route, f Fault) (
		http.ResponseWriter, func(), bool,
	) {
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		write(w, r, route, f)
		return w, nil, true
	}
}

// refusing is an injection that answers a push with an error of the registry, once its
// body has come: a client that still sends may not read an answer.
func refusing(status int, e acrkit.ServiceError) injection {
	return answering(func(w http.ResponseWriter, r *http.Request, route Route, _ Fault) {
		discard(r.Body)
		commonHeaders(w, route)
		answer.Error(w, status, e)
	})
}
