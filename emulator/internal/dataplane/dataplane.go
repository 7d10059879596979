// Package dataplane serves a registry's content over HTTP: the OCI distribution
// API under /v2 and ACR's metadata API under /acr/v1, with the headers, texts and
// refusals of the service as recorded.
//
// A request goes three steps: the route, or a plain 404; the right, or a
// challenge; then the content. A client without the right learns nothing of what exists.
package dataplane

import (
	"encoding/json"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
)

// Endpoint is the registry that a request's host leads to, and how the client reached it.
type Endpoint struct {
	ID          int64
	Name        string
	RID         string // its id in the service, 32 hexadecimal digits; goes into links to storage
	Host        string // of the request: goes into the realm
	LoginServer string // Host or, at a regional endpoint, the registry's own: goes into challenges and bodies
	Scheme      string // "https" or "http"; goes into the realm
}

// Verdict answers "may this be done?".
type Verdict struct {
	Allow          bool
	ChallengeError string // "" (no credential), "insufficient_scope", "invalid_token"
	Basic          bool   // wrong Basic credentials: they get a Basic challenge
}

// Config is what a [Handler] is made of. Store and Authorize are required.
type Config struct {
	Store *content.Store
	// Authorize decides on a request. An empty required scope asks for any
	// accepted credential. An error is the emulator's own failure.
	Authorize func(r *http.Request, reg Endpoint, required acrkit.Scope) (Verdict, error)
	// Refused is called for a refusal for another reason than a missing right, before
	// it is answered; nil = no call.
	Refused func(r *http.Request, id rule.ID, reason string)
	Now     func() time.Time // nil = time.Now
	Logger  *slog.Logger     // nil = silent
	// Seed fixes the order of actions in challenges, which the service varies;
	// 0 = a new order in each process.
	Seed uint64
	// BlobHost returns the host, with its port, to which GET of a blob is
	// redirected; "" = the blob is sent directly. Requests to that host are for
	// [Handler.ServeStorage]. nil = never redirected.
	BlobHost func(reg Endpoint) string
	// DeleteByTag lets DELETE of a manifest by tag remove the tag.
	DeleteByTag bool
	// MountFromAnywhere lets a mount that names no source take the blob from any
	// repository of the registry, even from one that the client may not read.
	MountFromAnywhere bool
}

// Handler serves the data plane of all registries.
type Handler struct {
	store     *content.Store
	authorize func(*http.Request, Endpoint, acrkit.Scope) (Verdict, error)
	refused   func(*http.Request, rule.ID, string)
	now       func() time.Time
	log       *slog.Logger
	key       []byte

	blobHost          func(Endpoint) string
	deleteByTag       bool
	mountFromAnywhere bool

	mu   sync.Mutex
	dice *mathrand.Rand
}

// New returns a handler.
func New(cfg Config) *Handler {
	h := &Handler{store: cfg.Store, authorize: cfg.Authorize, refused: cfg.Refused, now: cfg.Now, log: cfg.Logger,
		key:      cfg.Store.UploadKey(),
		blobHost: cfg.BlobHost, deleteByTag: cfg.DeleteByTag, mountFromAnywhere: cfg.MountFromAnywhere}
	if h.refused == nil {
		h.refused = func(*http.Request, rule.ID, string) {}
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	seed := cfg.Seed
	if seed == 0 {
		seed = mathrand.Uint64() //nolint:gosec // the order of words in a challenge is no secret
	}
	h.dice = mathrand.New(mathrand.NewPCG(seed, seed)) //nolint:gosec // as above
	return h
}

// request is one request on its way through the handler.
type request struct {
	*http.Request
	w   http.ResponseWriter
	reg Endpoint
	route.Route
}

// Serve answers a request whose path is under /v2 or /acr/v1.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, to route.Route, reg Endpoint) {
	header := w.Header()
	header["Server"] = serverHeader
	header["Docker-Distribution-Api-Version"] = versionHeader
	header["Strict-Transport-Security"] = hstsHeader
	header["X-Content-Type-Options"] = nosniffHeader
	if header["X-Ms-Correlation-Request-Id"] == nil {
		header["X-Ms-Correlation-Request-Id"] = []string{guid.New()}
	}

	q := &request{Request: r, w: w, reg: reg, Route: to}
	if to.Operation == route.None {
		notFound(w)
		return
	}
	header["Access-Control-Expose-Headers"] = exposeHeader
	if allowed := to.Methods(); !slices.Contains(allowed, r.Method) {
		header.Set("Allow", strings.Join(allowed, ", "))
		h.fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "The operation is unsupported.", nil)
		return
	}
	// A mount asks for both repositories in one challenge (recorded): without
	// pull on the source it is refused, and does not fall back to an upload.
	needs := to.Needs()
	required := make([]acrkit.Access, 0, len(needs))
	for _, n := range needs {
		required = append(required, acrkit.Access{Type: n.Type, Name: n.Name, Actions: []string{n.Action}})
	}
	verdict, err := h.authorize(r, reg, acrkit.NewScope(required...))
	if err != nil {
		h.internal(w, r, fmt.Errorf("authorize: %w", err))
		return
	}
	if !verdict.Allow {
		h.challenge(w, reg, needs, to.MountFrom, verdict)
		return
	}
	// Under /acr/v1 deletions alone have them, whether done or 404 (recorded).
	if to.Service == route.Registry || r.Method == http.MethodDelete {
		header["X-Ms-Request-Id"] = []string{guid.New()}
		// Echoed; empty where the client sent none (recorded).
		header["X-Ms-Client-Request-Id"] = []string{r.Header.Get("X-Ms-Client-Request-Id")}
	}
	h.dispatch(q)
}

const hsts = "max-age=31536000; includeSubDomains"

// The headers that every answer has: shared, so that a request does not allocate
// them. Nothing may write into them; appending makes a copy.
var (
	serverHeader  = []string{"AzureContainerRegistry"}
	versionHeader = []string{"registry/2.0"}
	hstsHeader    = []string{hsts, hsts} // twice (recorded)
	nosniffHeader = []string{"nosniff"}
	exposeHeader  = []string{"Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"}
)

// notFound is the router's own answer: plain text, before authentication.
func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", "19")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("404 page not found\n"))
}

// challenge answers a request that lacks a right: always 401, never 403.
func (h *Handler) challenge(w http.ResponseWriter, reg Endpoint, needs []route.Need, from string, v Verdict) {
	detail := json.RawMessage("null")
	if len(needs) > 0 {
		type item struct{ Type, Name, Action string }
		items := make([]item, 0, len(needs))
		for _, n := range needs {
			items = append(items, item{n.Type, n.Name, n.Action})
		}
		detail = marshal(items)
	}
	value := `Basic realm="Azure Container Registry"`
	if !v.Basic {
		value = fmt.Sprintf(`Bearer realm="%s://%s/oauth2/token",service="%s"`, reg.Scheme, reg.Host, reg.LoginServer)
		if len(needs) > 0 {
			value += `,scope="` + h.scopeText(needs, from) + `"`
		}
		if v.ChallengeError != "" {
			value += `,error="` + v.ChallengeError + `"`
		}
	}
	w.Header().Set("WWW-Authenticate", value)
	h.fail(w, http.StatusUnauthorized, "UNAUTHORIZED",
		"authentication required, visit https://aka.ms/acr/authorization for more information.", detail)
}

// scopeText writes a challenge's scope. The order of actions varies, as the
// service's does; a mount's source comes first, though the body has it last
// (recorded).
func (h *Handler) scopeText(needs []route.Need, from string) string {
	var names []string
	actions := map[string][]string{}
	for _, n := range needs {
		name := n.Type + ":" + n.Name
		if actions[name] == nil {
			names = append(names, name)
		}
		if !slices.Contains(actions[name], n.Action) { // a mount from the repository itself
			actions[name] = append(actions[name], n.Action)
		}
	}
	if from != "" {
		slices.Reverse(names)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte(' ')
		}
		a := actions[name]
		h.dice.Shuffle(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
		b.WriteString(name + ":" + strings.Join(a, ","))
	}
	return b.String()
}

// dispatch serves a request that has its right.
func (h *Handler) dispatch(q *request) {
	switch q.Operation {
	case route.Base:
		h.json(q.w, http.StatusOK, struct{}{})
	case route.Catalog, route.ACRCatalog:
		h.listRepositories(q)
	case route.TagNames:
		h.listTagNames(q)
	case route.Referrers:
		h.listReferrers(q)
	case route.Manifest:
		switch {
		case q.IsRead():
			h.getManifest(q)
		case q.Method == http.MethodPut:
			h.putManifest(q)
		default:
			h.deleteManifest(q)
		}
	case route.Blob:
		if q.IsRead() {
			h.getBlob(q)
		} else {
			h.deleteBlob(q)
		}
	case route.UploadStart:
		h.startUpload(q)
	case route.Upload:
		h.upload(q)
	case route.ACRRepository:
		h.acrRepository(q)
	case route.ACRTags:
		h.acrTags(q)
	case route.ACRTag:
		h.acrTag(q)
	case route.ACRManifests:
		h.acrManifests(q)
	case route.ACRManifest:
		h.acrManifest(q)
	}
}
