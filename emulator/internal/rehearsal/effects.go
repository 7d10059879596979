package rehearsal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
)

// injection applies a fault to a request, and reports whether that was the whole
// answer. If not, the request goes on with another writer, and finish is called at
// its end.
type injection func(h *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (
	next http.ResponseWriter, finish func(), done bool,
)

// hit is a fault that hits a request.
type hit struct {
	fault.Fault
	route fault.Route
	// at is the emulator's time, read before the hit could be seen: a client that sees it may
	// move the clock at once.
	at time.Time
}

// effect is what the faults of a kind do. The words are in package fault.
type effect struct {
	// of reports whether a fault can hit a request of its routes; nil = each.
	of     func(r *http.Request, f fault.Fault) bool
	inject injection
	// storage is the status at the host of blobs, in Azure storage's words; nil = as elsewhere.
	storage func(fault.Fault) int
}

// effects has each kind of fault.
var effects = map[fault.Kind]effect{
	fault.Throttle: {
		inject: answering(func(w http.ResponseWriter, r *http.Request, x hit) {
			fail(w, r, x.route, http.StatusTooManyRequests)
		}),
		storage: func(fault.Fault) int { return http.StatusServiceUnavailable }, // as it throttles
	},
	fault.Status: {
		inject: answering(func(w http.ResponseWriter, r *http.Request, x hit) {
			fail(w, r, x.route, x.Status)
		}),
		storage: func(f fault.Fault) int { return f.Status },
	},
	fault.Unauthorized: {
		inject: answering(func(w http.ResponseWriter, _ *http.Request, x hit) {
			commonHeaders(w, x.route)
			answer.Empty(w, http.StatusUnauthorized)
		}),
		storage: func(fault.Fault) int { return http.StatusForbidden }, // it has no 401
	},
	fault.Drop: {inject: drop},
	fault.Slow: {inject: slow},
	fault.Hang: {
		inject: func(h *Rehearsal, _ http.ResponseWriter, r *http.Request, _ hit) (
			http.ResponseWriter, func(), bool,
		) {
			h.hang(r)
			panic(http.ErrAbortHandler)
		},
	},
	fault.TooLarge: {
		of: func(r *http.Request, f fault.Fault) bool {
			//rule:upload-faults-of
			return r.ContentLength < 0 || r.ContentLength > f.AfterBytes
		},
		inject: tooLarge,
	},
	fault.WrongRange: {
		of: func(r *http.Request, _ fault.Fault) bool { return r.Method == http.MethodPut },
		inject: refusing(http.StatusRequestedRangeNotSatisfiable, acrkit.ServiceError{
			Code: "BLOB_UPLOAD_RANGE_INVALID", Message: "blob upload range invalid",
		}),
	},
	fault.NoLength: {
		of: func(r *http.Request, _ fault.Fault) bool {
			//rule:upload-faults-of-2
			return r.Method == http.MethodPatch && r.ContentLength < 0
		},
		inject: refusing(http.StatusBadRequest, acrkit.ServiceError{
			Code: "CONTENT_LENGTH_INVALID", Message: "invalid content length",
		}),
	},
	fault.Disallowed: {
		of: func(r *http.Request, _ fault.Fault) bool {
			//rule:upload-faults-fault-kinds
			return r.Method == http.MethodPost || r.Method == http.MethodPatch || r.Method == http.MethodPut
		},
		inject: refusing(http.StatusMethodNotAllowed, acrkit.ServiceError{
			Code: "REGISTRY_DISALLOWED_OPERATION", Message: dataplane.Disallowed, Detail: json.RawMessage("{}"),
		}),
	},
	fault.LateWrite: {
		of: func(r *http.Request, _ fault.Fault) bool {
			return r.Method != http.MethodGet && r.Method != http.MethodHead
		},
		inject: lateWrite,
	},
	fault.LatePassword: {
		of: func(r *http.Request, _ fault.Fault) bool {
			path := strings.ToLower(strings.TrimSuffix(r.URL.Path, "/"))
			return r.Method == http.MethodPost && strings.HasSuffix(path, "/generatecredentials")
		},
		inject: latePassword,
	},
}

// answering is an injection that answers, with Retry-After where the fault has one.
func answering(write func(w http.ResponseWriter, r *http.Request, x hit)) injection {
	return func(_ *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (http.ResponseWriter, func(), bool) {
		if x.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(x.RetryAfter/time.Second)))
		}
		write(w, r, x)
		return w, nil, true
	}
}

// refusing is an injection that answers a push with an error of the registry, once its
// body has come: a client that still sends may not read an answer.
func refusing(status int, e acrkit.ServiceError) injection {
	return answering(func(w http.ResponseWriter, r *http.Request, x hit) {
		discard(r.Body)
		commonHeaders(w, x.route)
		answer.Error(w, status, e)
	})
}
