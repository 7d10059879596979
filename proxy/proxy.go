// Package proxy is an ACR on loopback: to its clients it is a registry that
// answers with ACR's own challenges and tokens, and it asks the real one with
// your credential.
//
// It is for clients that cannot hold a scope-mapped token's name and password, as
// most of Microsoft's SDKs, and for holding any client to fewer rights than the
// credential has. A request goes these steps:
//
//  1. Host and Origin: is it addressed to the proxy, and by no web page? (A request
//     for the token service or for a managed identity's token is answered here.)
//  2. What is it? A known operation, well-formed in every part, or 404.
//  3. Who asks? The client key, or a token that was got with it, or a challenge.
//  4. May it? The scope map, or ACR's own refusal; the registry never sees it.
//  5. It is written anew from its parts and sent to the registry; the answer goes
//     down without anything that is between the registry and the proxy.
//
// Bodies are streamed both ways. The tokens are the proxy's own, signed with a key
// that lives as long as the [Handler].
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

// The limits of a Handler. Those on the size of a request's header are the
// server's; a body passes in pieces of bufferSize, and has none but that its client
// must not stand still (package idle).
const (
	// bufferSize is what one transfer holds of a body.
	bufferSize = 128 << 10
	// idleLimit is how long a request may go on without a byte moving in either
	// direction: longer than a registry takes to put together a large blob.
	idleLimit = 5 * time.Minute
	// maxReplay is the longest body that is read before it is sent, so that it can be
	// sent again with a new token: attributes, and most manifests.
	maxReplay = 64 << 10
	// maxForm bounds a token request: the longest scope, form-encoded, with a refresh
	// token beside it.
	maxForm = 512 << 10
	// maxRights bounds what one token request asks for.
	maxRights = 1000
	// maxRedirects is how many redirects to storage are followed; ACR answers one.
	maxRedirects = 3
	// maxUploadQuery is the longest query of an upload's address that is handed to a
	// client and taken back; ACR's has some 300 bytes.
	maxUploadQuery = 8 << 10
	// maxLink bounds a Link header.
	maxLink = 16 << 10
)

// The lives of the proxy's tokens: ACR's own (recorded), so that a client which
// can live with those can with these. They die with the Handler.
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
	// a name of its own.
	Hosts []string
	// Scheme is "https" or "http": how clients speak to the proxy, and so what realms
	// say. "" is "https".
	Scheme string
	// ClientKey is what a client must show: as the password of any user, or as the
	// Entra token that it exchanges. A zero key is an error unless Open.
	ClientKey auth.Secret
	// Open lets in clients without a key, and with any password.
	Open bool
	// IdentityHeader is what a client must show as X-IDENTITY-HEADER at [IdentityPath]
	// to be given the client key as a managed identity's token. With a zero one nothing
	// is answered there. It needs a ClientKey, and is an error with Open.
	IdentityHeader auth.Secret
	// ScopeMap narrows what passes; nil lets all pass that the credential may do.
	ScopeMap *scopemap.Map
	// PassRedirects hands redirects of blobs to the client; they hold a signed link
	// to the storage. Otherwise they are followed here.
	PassRedirects bool
	// Record is called with the rights that a request used, after the registry has
	// answered it and not refused it; nil is none. It may be called by several
	// goroutines at once, and the answer waits for it.
	Record func(acrkit.Scope)
	// Logger is told of requests (debug) and of what fails (warn), never of a secret;
	// nil is silent.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Handler is an [http.Handler] that is one registry to its clients. It is safe for
// concurrent use and prints without its secrets.
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
	redact       []auth.Secret // what no text may show
	tokens       tokens
	seal         []byte // key of uploads' addresses
	scopeMap     *scopemap.Map
	pass         bool
	record       func(acrkit.Scope)
	log          *slog.Logger
	buffers      sync.Pool // of *[]byte
	idle         idle.Server

	life context.Context //nolint:containedctx // ends with Close, and requests with it
	end  context.CancelFunc
}

// New returns a handler that asks upstream. Its errors have [acrkit.CodeUsage].
func New(upstream *auth.Transport, opts *Options) (*Handler, error) {
	if opts == nil {
		opts = &Options{}
	}
	bad := func(reason string) (*Handler, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "make a proxy", Reason: reason}
	}
	h := &Handler{upstream: upstream, hosts: map[string]bool{}, scheme: opts.Scheme, open: opts.Open, scopeMap: opts.ScopeMap,
		pass: opts.PassRedirects, record: opts.Record, log: opts.Logger}
	if h.scheme == "" {
		h.scheme = "https"
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.record == nil {
		h.record = func(acrkit.Scope) {}
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
	case opts.ClientKey.IsZero() && !opts.Open:
		return bad("it has no client key, and is not open")
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

// Close ends requests under way and refuses new ones. It does not close the
// transport, and waits for nothing: that is the server's business.
func (h *Handler) Close() error {
	h.end()
	return nil
}

// ServeHTTP implements [http.Handler].
//
//nolint:contextcheck // the request carries it
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{h: h, w: w, r: r, host: strings.ToLower(r.Host), body: h.idle.Body(w, r)}
	defer c.body.Done()
	switch {
	case h.life.Err() != nil:
		c.fail(http.StatusServiceUnavailable, "UNAVAILABLE", "the proxy is ending", nil)
	case !h.hosts[c.host]:
		// RFC 9110 §15.5.20: the request was sent to the wrong server.
		c.fail(http.StatusMisdirectedRequest, "DENIED", "this is a proxy for "+h.upstream.Registry().Host()+
			", which takes requests to the names that it listens on alone; use the address that it printed", nil)
	case !c.isOfNoPage():
		c.fail(http.StatusForbidden, "DENIED", "requests of web pages are refused", nil)
	case r.URL.Path == "/oauth2/token" || r.URL.Path == "/oauth2/exchange":
		c.tokenService()
	case r.URL.Path == IdentityPath && h.hasIdentity:
		c.identity()
	default:
		c.serve()
	}
}

// serve answers a request that is not the token service's.
func (c *call) serve() {
	op, ok := operation.Parse(c.r.Method, c.r.URL)
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
