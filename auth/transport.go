package auth

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

// Options are the settings of a [Transport]. Nil means all zero.
type Options struct {
	// Base sends the requests; nil is a clone of http.DefaultTransport. It
	// must not follow redirects by itself, and must end a request with the request's
	// context.
	Base http.RoundTripper
	// PlainHTTP speaks http instead of https. It is for a loopback host; with any
	// other it is an error with [acrkit.CodeHostRefused].
	PlainHTTP bool
	// CustomLoginServer accepts a login server that is neither one of ACR's by its
	// name nor on loopback.
	CustomLoginServer bool
	// Logger logs token requests (debug) and renewals that fail (warn), never a
	// secret; nil logs nothing.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Tokens keeps tokens beyond the process; nil keeps none.
	Tokens TokenStore
}

// Transport is an [http.RoundTripper] that sends requests to one registry with
// the access token they need, for any Go client of registries. Requests to any
// other origin (scheme, host, port) go out without an Authorization header, the
// caller's own included.
//
// The scope a request needs is derived from its method and path before it is
// sent, so that no body is sent twice; [acrkit.ContextWithRequiredScope] replaces
// it. Answers of the registry are returned unchanged, refusals too;
// [Transport.ResponseError] reads those. What fails on the way to a token is an
// [*acrkit.Error].
//
// Requests have time limits: the header of an answer must come within 30 seconds, or
// five minutes for a PUT, a DELETE or a long body. The body of an answer must deliver a
// KiB in each 30 seconds spent reading it. A transfer that makes progress has no limit.
//
// A Transport is safe for concurrent use and should live as long as its client,
// because it holds the token cache.
type Transport struct {
	registry acrkit.Registry
	cred     Credential
	grant    grant
	scheme   string
	base     http.RoundTripper
	ownBase  *http.Transport // to be closed; nil if the base was given
	log      *slog.Logger
	now      func() time.Time

	fetches flights[*accessToken]
	tokens  *tokenCache   // guarded by the lock of fetches
	learned learnedScopes // likewise
	pauses  pauses        // of token services
	keeper  *keeper       // nil without Options.Tokens

	// parts are what a credential for several repositories is divided into; nil
	// for all others. A divided transport keeps no tokens itself.
	parts []part

	closing sync.Once
}

// NewTransport binds a credential to a registry: a bare name ("myregistry"), a
// login server, or its https URL. A nil credential is [Anonymous].
//
// Errors: [acrkit.CodeUsage] for a malformed name or credential,
// [acrkit.CodeHostRefused] for a host that no credential should go to.
func NewTransport(registry string, cred Credential, opts *Options) (*Transport, error) {
	reg, err := acrkit.ParseRegistry(registry)
	if err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &Options{}
	}
	refused := func(reason, hint string) (*Transport, error) {
		return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "use a credential", Registry: reg, Reason: reason, Hint: hint})
	}
	switch {
	case opts.PlainHTTP && !reg.IsLoopback():
		return refused("plain HTTP is for loopback hosts only", "")
	case !reg.IsACR() && !reg.IsLoopback() && !opts.CustomLoginServer:
		return refused("the host is not a login server of Azure Container Registry",
			sentence.Fix(sentence.SayItIsYours, nil))
	}
	if cred == nil {
		cred = Anonymous()
	}
	t := &Transport{registry: reg, cred: cred, scheme: "https", base: opts.Base, log: opts.Logger, now: opts.Now,
		tokens: newTokenCache(maxCachedTokens), learned: learnedScopes{}}
	if opts.PlainHTTP {
		t.scheme = "http"
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.keeper = newKeeper(opts.Tokens, t.log)
	t.fetches.init()
	if t.base == nil {
		t.base = http.DefaultTransport
		if _, std := t.base.(*http.Transport); std {
			t.ownBase = wire.NewTransport()
			t.base = t.ownBase
		}
	}
	t.base = stall.Wrap(t.base)
	if err := t.divide(); err != nil {
		t.closeParts()
		if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Registry.IsZero() {
			e.Registry = reg
		}
		return nil, err
	}
	return t, nil
}

// Registry returns the registry the transport is bound to.
func (t *Transport) Registry() acrkit.Registry { return t.registry }

// Credential returns the credential the transport was made with.
func (t *Transport) Credential() Credential { return t.cred }

// Describe describes the credential in use for messages, as `token "ci-pull"`: see
// [Status].
func (t *Transport) Describe() string { return t.status().Credential.String() }

// Format prints registry and credential for every verb, so that no dump of a transport
// shows a token.
func (t *Transport) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "auth.Transport(%s on %s)", t.cred.String(), t.registry)
}

// LogValue is what Format prints.
func (t *Transport) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(t)) }

// URL returns the registry's origin, without a path: https, or http where the
// transport was made with [Options.PlainHTTP].
func (t *Transport) URL() *url.URL { return &url.URL{Scheme: t.scheme, Host: t.registry.Host()} }

// origin returns the registry's scheme, host and port as a URL's beginning.
func (t *Transport) origin() string { return t.scheme + "://" + t.registry.Host() }

// service returns the name of the token service's audience: the login server, at a
// regional endpoint too (seen in a pull from one).
func (t *Transport) service() string { return t.registry.LoginServer().Host() }

// isHome reports whether u has the registry's origin.
func (t *Transport) isHome(u *url.URL) bool { return t.isAt(u, t.registry) }

// isAt reports whether u has the origin of reg, by the scheme of the transport.
// net/http compares host names alone when it forwards a header; a port is another
// program.
func (t *Transport) isAt(u *url.URL, reg acrkit.Registry) bool {
	if u == nil || u.Opaque != "" || !strings.EqualFold(u.Scheme, t.scheme) {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		host = addr.String()
	}
	return host == reg.Hostname() && portOf(u) == portOf(&url.URL{Scheme: t.scheme, Host: reg.Host()})
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "http"):
		return "80"
	}
	return "443"
}

// leftRegistry reports whether the request follows a redirect chain that has left the
// registry. Another host then chose the URL, so the request gets no credential, even if
// it points back to the registry.
func (t *Transport) leftRegistry(req *http.Request) bool {
	const longest = 32 // http.Client stops at 10
	for hops := 0; req.Response != nil; hops++ {
		req = req.Response.Request
		if req == nil || hops == longest || !t.isHome(req.URL) {
			return true
		}
	}
	return false
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil || !t.isHome(req.URL) || t.leftRegistry(req) {
		return t.roundTripUnauthenticated(req)
	}
	if strings.HasPrefix(req.URL.Path, "/oauth2/") {
		// The client sends its own token request, with its own fields.
		return t.base.RoundTrip(req)
	}
	if t.parts != nil {
		p, err := t.partForRequest(req)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		return p.RoundTrip(req)
	}
	ctx := req.Context()
	need := operation.RequiredFor(req.Method, req.URL)
	guard := operation.GuardOf(ctx)
	scope, given := acrkit.RequiredScopeFromContext(ctx)
	var learned acrkit.Scope // the scope of a challenge, kept once a request with it succeeds
	if given {
		need = operation.Required{} // the caller's scope says nothing about the operation
	} else {
		t.fetches.Lock()
		scope = t.learned.apply(need)
		t.fetches.Unlock()
		if !guard.May(scope) {
			scope = need.Scope
		}
	}
	guard.Used = scope
	token, fresh, err := t.acquire(ctx, scope, nil)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := t.send(req, req.Body, token)
	// Each kind of retry is made once: with another scope than the derived one, for a
	// scope map that has changed, and for a token that has ended early.
	var tried [retryKinds]bool
	for err == nil && resp.StatusCode == http.StatusUnauthorized {
		challenge, asked, parseErr := wire.BearerChallenge(resp.Header)
		if asked {
			if err := t.checkRealm(challenge.Realm); err != nil {
				_ = resp.Body.Close()
				return nil, err
			}
		}
		if parseErr != nil {
			return resp, nil //nolint:nilerr // without a readable challenge there is no retry; the refusal is the answer
		}
		c := t.chooseRetry(challenge, asked, token, fresh && tried != [retryKinds]bool{})
		if c == retryOtherScope && !guard.May(challenge.Scope) {
			return resp, nil
		}
		if c == retryOtherScope {
			guard.Used = challenge.Scope
			learned = challenge.Scope
			if !rewinds(req) {
				t.learn(need, learned) // this request cannot be sent again, so the next one tries the scope
			}
		}
		if c == retryNewToken || c == retrySameScope {
			t.forget(ctx, token, c == retryNewToken) // also for the next request, if this one cannot be sent again
		}
		if c == retryNever || tried[c] {
			// A later try, in another process, must ask for the current rights.
			t.keeper.forget(ctx, token.key, token.value)
			if challenge.Error == wire.ErrInsufficientScope {
				t.unlearn(need, token.requested)
			}
		}
		if c == retryNever || tried[c] || !rewinds(req) {
			return resp, nil
		}
		tried[c] = true
		// Nothing else reads this answer.
		limit.Discard(resp.Body, resp.ContentLength, drainLimit, drainTime)
		scope, suits := challenge.Scope, func(*accessToken) bool { return true }
		switch c {
		case retryNewToken:
			scope = token.requested
		case retrySameScope:
			suits = func(a *accessToken) bool { return a.life.age(t.now()) <= rightsAge }
		}
		if token, fresh, err = t.acquire(ctx, scope, suits); err != nil {
			return nil, err
		}
		body := req.Body
		if req.GetBody != nil {
			if body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		resp, err = t.send(req, body, token)
	}
	if err == nil && !learned.IsEmpty() {
		t.learn(need, learned)
	}
	return resp, err
}

// learn keeps the scope that a challenge to an operation asked for.
func (t *Transport) learn(need operation.Required, learned acrkit.Scope) {
	t.fetches.Lock()
	defer t.fetches.Unlock()
	t.learned.learn(need, learned)
}

// unlearn drops the learned scope of an operation after a request with a larger scope
// than derived was refused too.
func (t *Transport) unlearn(need operation.Required, requested acrkit.Scope) {
	t.fetches.Lock()
	defer t.fetches.Unlock()
	if !need.Scope.Contains(requested) {
		delete(t.learned, need.Op)
	}
}

// retryKind says how to retry after a 401.
type retryKind int

const (
	retryNever      retryKind = iota // the refusal is the answer
	retryOtherScope                  // ask for the challenge's scope, which is another one
	retrySameScope                   // ask for the scope again: rights may have changed since
	retryNewToken                    // get a new token from the root credential
	retryKinds
)

// chooseRetry says how to retry a refused request. renewed is true if the token was
// already fetched for a retry of the same request.
func (t *Transport) chooseRetry(challenge wire.Bearer, asked bool, token *accessToken, renewed bool) retryKind {
	switch {
	case asked && challenge.Error != errInvalidToken && !token.requested.Contains(challenge.Scope):
		return retryOtherScope
	case asked && challenge.Error == wire.ErrInsufficientScope:
		if token.life.age(t.now()) > rightsAge {
			return retrySameScope
		}
	case !renewed:
		// Also for a token that is new: services sometimes refuse a token that they accept
		// a moment later.
		return retryNewToken
	}
	return retryNever
}

// errInvalidToken is the error word of a challenge to a token that is expired,
// revoked or malformed (RFC 6750 §3.1).
const errInvalidToken = "invalid_token"

// rightsAge is the least age of a token for which a refused request asks for its scope
// again: the scope map may have changed since.
const rightsAge = 10 * time.Second

// drainLimit is how much of a refusal is read to keep its connection.
const drainLimit = 16 << 10

// drainTime is how long that may take. The body of a refusal comes with its header or
// soon after it; a new connection takes about as long.
const drainTime = 250 * time.Millisecond

// send sends a clone of req with the token. The response names the caller's own
// request, because the clone holds the token and responses are dumped.
func (t *Transport) send(req *http.Request, body io.ReadCloser, token *accessToken) (*http.Response, error) {
	clone := req.Clone(req.Context())
	clone.Body = body
	dropAuthorization(clone)
	clone.Header.Set("Authorization", "Bearer "+token.value.Reveal())
	resp, err := t.base.RoundTrip(clone)
	if err != nil {
		return nil, t.failed(req, err)
	}
	resp.Request = req
	return resp, nil
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

// roundTripUnauthenticated sends a request to another origin without any Authorization.
func (t *Transport) roundTripUnauthenticated(req *http.Request) (*http.Response, error) {
	if u := req.URL; u != nil && strings.EqualFold(u.Scheme, "http") && !(isLoopback(u.Hostname()) && t.registry.IsLoopback()) {
		closeBody(req)
		return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "send a request", Method: req.Method, URL: redact.URL(u),
			Reason: "plain HTTP to another host is refused: what it carries can be read and changed on the way"})
	}
	if u := req.URL; u != nil && t.scheme == "https" && strings.EqualFold(u.Scheme, "http") && strings.EqualFold(u.Host, t.registry.Host()) {
		// Clients fall back to http for a host on loopback, go-containerregistry when
		// 300 ms have passed, and stay with it: every request would then be anonymous.
		closeBody(req)
		return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "send a request", Method: req.Method, URL: redact.URL(u),
			Reason: "the registry uses https; plain HTTP is an option of the transport"})
	}
	if !hasAuthorization(req) {
		return t.base.RoundTrip(req)
	}
	clone := req.Clone(req.Context())
	dropAuthorization(clone)
	return t.base.RoundTrip(clone)
}

// isAuthorization reports whether a key of a header map is sent as Authorization.
// net/http sends keys as they are spelled, and a server ignores their case.
func isAuthorization(key string) bool { return strings.EqualFold(key, "Authorization") }

func hasAuthorization(req *http.Request) bool {
	for key := range req.Header {
		if isAuthorization(key) {
			return true
		}
	}
	return false
}

// dropAuthorization removes Authorization, in any spelling, from a cloned request.
func dropAuthorization(clone *http.Request) {
	if clone.Header == nil {
		clone.Header = http.Header{}
	}
	maps.DeleteFunc(clone.Header, func(key string, _ []string) bool { return isAuthorization(key) })
}

func isLoopback(hostname string) bool {
	if strings.Contains(hostname, ":") {
		hostname = "[" + hostname + "]"
	}
	// With a port, a bare name is not read as the short name of a registry.
	reg, err := acrkit.ParseRegistry(hostname + ":80")
	return err == nil && reg.IsLoopback()
}

// checkRealm refuses a challenge that names a token service on another origin
// than the registry's own or, at a regional endpoint, that of its login server
// (believed; a regional endpoint was seen to name itself). The realm is never
// called: each host of a registry has the token service too.
func (t *Transport) checkRealm(realm string) error {
	u, err := url.Parse(realm)
	if realm == "" || err == nil && (t.isHome(u) || t.isAt(u, t.registry.LoginServer())) {
		return nil
	}
	return wire.Final(&acrkit.Error{Code: acrkit.CodeProtocol, Op: "authenticate", Registry: t.registry,
		Reason: fmt.Sprintf("its challenge names a token service on another host, %s; no credential goes there", redact.Text(shortHost(u))),
		Hint:   sentence.Fix(sentence.NameByLoginServer, nil)})
}

func shortHost(u *url.URL) string {
	if u == nil || u.Host == "" {
		return "an unreadable one"
	}
	s := u.Host
	if u.Scheme != "" {
		s = u.Scheme + "://" + s
	}
	if len(s) > 120 {
		s = s[:120] + "…"
	}
	return s
}

func rewinds(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

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
	if e.Status == http.StatusUnauthorized && e.Code == acrkit.CodeCredentialRejected && resp.Request != nil && !rewinds(resp.Request) {
		e.Reason += "; the body of the request can be read only once, so it was not sent again: a new call gets a new token"
	}
	return wire.Final(e)
}

// Close ends background work, waits for it, and closes the idle connections of the
// default base. Requests under way continue; new token requests fail.
func (t *Transport) Close() error {
	t.closing.Do(func() {
		t.closeParts()
		t.fetches.close()
		t.grant.close()
		if t.ownBase != nil {
			t.ownBase.CloseIdleConnections()
		}
	})
	return nil
}
