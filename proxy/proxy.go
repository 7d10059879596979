package proxy

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/scopemap"
)

// The limits of a Handler. The size of a request's header is limited by the server. A
// body is copied in pieces of bufferSize and has no size limit; its client must make
// progress (package idle).
const (
	// bufferSize is how much of a body one transfer holds in memory.
	bufferSize = 128 << 10
	// idleLimit is how long a request may go on without a byte moving in either
	// direction: longer than a registry takes to put together a large blob.
	//rule:proxy-times-idle-limit
	idleLimit = 5 * time.Minute
	// maxReplay is the longest body that is read before it is sent, so that it can be
	// sent again with a new token: attributes, and most manifests.
	//rule:proxy-bounds-max-replay
	maxReplay = 64 << 10
	// maxForm bounds a token request: the longest scope, form-encoded, with a refresh
	// token beside it.
	//rule:proxy-bounds-max-form
	maxForm = 512 << 10
	// maxRights bounds what one token request asks for.
	//rule:proxy-bounds-max-rights
	maxRights = 1000
	// maxRedirects is how many redirects to storage are followed; ACR answers one.
	//rule:proxy-bounds-max-redirects
	maxRedirects = 3
	// maxUploadQuery is the longest query of an upload's address that a client gets and
	// sends back; ACR's has some 300 bytes.
	//rule:proxy-bounds-max-upload-query
	maxUploadQuery = 8 << 10
	// maxLink bounds a Link header.
	//rule:proxy-bounds-max-link
	maxLink = 16 << 10
)

// The lives of the proxy's tokens: ACR's own (recorded), so that clients work as with
// those. The tokens end with the Handler.
const (
	accessLife  = time.Hour
	refreshLife = 3 * time.Hour
	// backdate is how far back their "not before" lies, as with ACR's (recorded).
	backdate = 15 * time.Minute
)

// Options are the settings of a [Handler].
type Options struct {
	// Hosts are the values that a request's Host may have, host or host:port; at
	// least one. All others are refused, so that no web page reaches the proxy by
	// a name of its own. For a free port the listener comes first:
	//
	//	listener, err := net.Listen("tcp", "127.0.0.1:0")
	//	handler, err := proxy.New(upstream, &proxy.Options{Hosts: []string{listener.Addr().String()}, …})
	//	err = (&http.Server{Handler: handler}).Serve(listener)
	Hosts []string
	// Scheme is "https" or "http": how clients speak to the proxy, and so what realms
	// say. "" is "https".
	Scheme string
	// ClientKey is the secret that a client must send: as the password of any user, or as
	// the Entra token that it exchanges. A zero key is an error unless Open.
	ClientKey auth.Secret
	// Open accepts clients without a key, and with any password.
	Open bool
	// IdentityHeader is what a client must send as X-IDENTITY-HEADER at [IdentityPath]
	// to get the client key as a managed identity's token. Without it that path is not
	// served. It needs a ClientKey, and is an error with Open.
	IdentityHeader auth.Secret
	// ScopeMap limits the allowed requests; nil allows all that the credential may do.
	ScopeMap *scopemap.Map
	// PassRedirects returns redirects of blobs to the client; they hold a signed link
	// to the storage. Otherwise the proxy follows them.
	PassRedirects bool
	// Record is called with the rights that a request used, after the registry has
	// answered it and not refused it; nil is none. It may be called by several
	// goroutines at once, and the answer waits for it.
	Record func(acrkit.Scope)
	// Refused is called with the rights that the ScopeMap lacks, when a client with a valid
	// credential is refused for them; nil is none. It may be called by several goroutines at
	// once, and the answer waits for it.
	Refused func(acrkit.Scope)
	// Logger logs requests (debug) and failures (warn), never a secret; nil logs
	// nothing.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Handler is an [http.Handler] that acts as one registry. It is safe for concurrent use
// and prints without its secrets.
type Handler struct {
	upstream *auth.Transport
	origin   *url.URL // of the registry
	hosts    map[string]bool
	scheme   string
	open     bool
	key      auth.Secret
	keyHash  [sha256.Size]byte
	// identityHash is of the header's value at IdentityPath, where hasIdentity is set.
	identityHash [sha256.Size]byte
	hasIdentity  bool
	redact       []auth.Secret // removed from every text
	tokens       tokens
	seal         []byte // key of uploads' addresses
	scopeMap     *scopemap.Map
	pass         bool
	record       func(acrkit.Scope)
	refused      func(acrkit.Scope)
	log          *slog.Logger
	buffers      sync.Pool // of *[]byte
	idle         idle.Server

	life context.Context //nolint:containedctx // ends with Close, and requests with it
	end  context.CancelFunc
}

// New returns a handler that sends requests by upstream. Its errors have
// [acrkit.CodeUsage].
func New(upstream *auth.Transport, opts *Options) (*Handler, error) {
	if opts == nil {
		opts = &Options{}
	}
	bad := func(reason string) (*Handler, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "make a proxy", Reason: reason}
	}
	h := &Handler{upstream: upstream, hosts: map[string]bool{}, scheme: opts.Scheme, open: opts.Open,
		scopeMap: opts.ScopeMap,
		pass:     opts.PassRedirects, record: opts.Record, refused: opts.Refused, log: opts.Logger}
	if h.scheme == "" {
		h.scheme = "https"
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.record == nil {
		h.record = func(acrkit.Scope) {}
	}
	if h.refused == nil {
		h.refused = func(acrkit.Scope) {}
	}
	for _, host := range opts.Hosts {
		if u, err := url.Parse("//" + host); err != nil || host == "" || u.Host != host || u.Hostname() == "" {
			return bad("a name that it listens on is not HOST or HOST:PORT")
		}
		h.hosts[strings.ToLower(host)] = true
	}
	switch {
	case upstream == nil:
		return bad("there is no registry to ask")
	case len(h.hosts) == 0:
		return bad("it has no name that requests may be addressed to")
	case h.scheme != "https" && h.scheme != "http":
		return bad("its scheme is neither https nor http")
	//rule:proxy-key-new
	case opts.ClientKey.IsZero() && !opts.Open:
		return bad("it has no client key, and is not open")
	//rule:managed-identity-new
	case !opts.IdentityHeader.IsZero() && opts.Open:
		return bad("it is open, so there is no client key that a managed identity could be given")
	}
	h.origin = upstream.URL()
	h.key, h.keyHash = opts.ClientKey, sha256.Sum256([]byte(opts.ClientKey.Reveal()))
	h.hasIdentity = !opts.IdentityHeader.IsZero()
	h.identityHash = sha256.Sum256([]byte(opts.IdentityHeader.Reveal()))
	for _, secret := range []auth.Secret{opts.ClientKey, opts.IdentityHeader} {
		if !secret.IsZero() {
			h.redact = append(h.redact, secret)
		}
	}
	h.tokens = newTokens(opts.Now)
	h.seal = randomKey()
	h.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	h.life, h.end = context.WithCancel(context.Background())
	return h, nil
}

func randomKey() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return key
}

// Close ends requests under way and refuses new ones. It does not close the transport,
// and does not wait: the server waits for its requests.
func (h *Handler) Close() error {
	h.end()
	return nil
}

// ServeHTTP implements [http.Handler].
//
//nolint:contextcheck // the request carries it
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	//rule:proxy-times-serve-http
	c := &call{h: h, w: w, r: r, host: strings.ToLower(r.Host), body: h.idle.Body(w, r)}
	defer c.body.Done()
	switch {
	case h.life.Err() != nil:
		c.fail(http.StatusServiceUnavailable, "UNAVAILABLE", "the proxy is ending", nil)
	//rule:managed-identity-serve-http-2
	case !h.hosts[c.host]:
		// RFC 9110 §15.5.20: the request was sent to the wrong server.
		c.fail(http.StatusMisdirectedRequest, "DENIED", "this is a proxy for "+h.upstream.Registry().Host()+
			", which takes requests to the names that it listens on alone; use the address that it printed", nil)
	case !c.isNotFromWebPage():
		c.fail(http.StatusForbidden, "DENIED", "requests of web pages are refused", nil)
	case r.URL.Path == "/oauth2/token" || r.URL.Path == "/oauth2/exchange":
		c.tokenService()
	//rule:managed-identity-serve-http
	case r.URL.Path == IdentityPath && h.hasIdentity:
		c.identity()
	default:
		c.serve()
	}
}

// serve answers a request that is not the token service's.
func (c *call) serve() {
	op, ok := operation.Parse(c.r.Method, c.r.URL)
	//rule:proxy-known-serve
	if !ok {
		c.notFound()
		return
	}
	c.op = op
	c.w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if refusal := c.authorize(); refusal != nil {
		c.challenge(*refusal)
		return
	}
	c.forward()
}
