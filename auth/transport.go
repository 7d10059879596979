package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/operation"
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
	given    http.RoundTripper // Options.Base
	base     http.RoundTripper // what sends requests
	ownBase  *http.Transport   // to be closed; nil if the base was given
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
		return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "use a credential", Registry: reg,
			Reason: reason, Hint: hint})
	}
	switch {
	//rule:plain-http-new-transport
	case opts.PlainHTTP && !reg.IsLoopback():
		return refused("plain HTTP is for loopback hosts only", "")
	//rule:look-alikes-new-transport
	case !reg.IsACR() && !reg.IsLoopback() && !opts.CustomLoginServer:
		return refused("the host is not a login server of Azure Container Registry",
			sentence.Fix(sentence.SayItIsYours, nil))
	}
	if cred == nil {
		cred = Anonymous()
	}
	t := &Transport{registry: reg, cred: cred, scheme: "https", given: opts.Base, log: opts.Logger, now: opts.Now,
		tokens: newTokenCache(maxCachedTokens), learned: learnedScopes{}}
	if opts.PlainHTTP {
		t.scheme = "http"
	}
	//rule:d16-new-transport
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.keeper = newKeeper(opts.Tokens, t.log)
	t.fetches.init()
	t.base, t.ownBase = wire.Base(opts.Base)
	//rule:stalls-new-transport
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

// Base returns [Options.Base] as it was given, which sends requests without a credential;
// nil if there was none.
func (t *Transport) Base() http.RoundTripper { return t.given }

// URL returns the registry's origin, without a path: https, or http where the
// transport was made with [Options.PlainHTTP].
func (t *Transport) URL() *url.URL { return &url.URL{Scheme: t.scheme, Host: t.registry.Host()} }

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	//rule:redirects-round-trip
	if req.URL == nil || !t.isHome(req.URL) || t.leftRegistry(req) {
		return t.sendUnauthenticated(req)
	}
	if strings.HasPrefix(req.URL.Path, "/oauth2/") {
		// The client sends its own token request, with its own fields.
		return t.base.RoundTrip(req)
	}
	if t.parts == nil {
		return t.sendAuthenticated(req)
	}
	p, err := t.partForRequest(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	return p.RoundTrip(req)
}

// sendAuthenticated sends a request with a token, and again while [next] says so.
func (t *Transport) sendAuthenticated(req *http.Request) (*http.Response, error) {
	ctx, x := req.Context(), t.newExchange(req)
	if err := t.acquireFor(ctx, x, x.guard.Used, 0); err != nil {
		closeBody(req)
		return nil, err
	}
	body := req.Body
	for {
		resp, err := t.send(req, body, x.token)
		if err != nil {
			return nil, err
		}
		a, realmErr := t.readAnswer(x, resp)
		d := next(x.state(t.now()), a)
		if d.refuse {
			_ = resp.Body.Close()
			return nil, realmErr
		}
		t.apply(ctx, x, a, d)
		if d.retry == retryNever {
			return resp, nil
		}
		x.tried[d.retry] = true
		// Nothing else reads this answer.
		limit.Discard(resp.Body, resp.ContentLength, drainLimit, drainTime)
		if err := t.acquireFor(ctx, x, d.scope, d.maxAge); err != nil {
			return nil, err
		}
		if body, err = bodyAgain(req); err != nil {
			return nil, err
		}
	}
}

// exchange is one request of a caller, with all its tries.
type exchange struct {
	req     *http.Request
	need    operation.Required // zero if the caller gave the scope
	guard   *operation.Guard
	token   *accessToken // of the last try
	fetched bool         // the token was not in the cache
	tried   [retryKinds]bool
	asked   acrkit.Scope // the scope of the last challenge that was followed
}

// newExchange chooses the scope of a request: the caller's, or the one that was learned or
// derived for its operation. It is in the field Used of the guard.
func (t *Transport) newExchange(req *http.Request) *exchange {
	x := &exchange{req: req, guard: operation.GuardOf(req.Context())}
	scope, given := acrkit.RequiredScopeFromContext(req.Context())
	if !given { // a given scope says nothing about the operation
		x.need = operation.RequiredFor(req.Method, req.URL)
		//rule:proxy-scope-map-new-exchange
		if scope = t.learnedScope(x.need); !x.guard.May(scope) {
			scope = x.need.Scope
		}
	}
	x.guard.Used = scope
	return x
}

// acquireFor gets the token for the next try, of at most the given age; 0 is any age.
func (t *Transport) acquireFor(ctx context.Context, x *exchange, scope acrkit.Scope, maxAge time.Duration) (err error) {
	var suits func(*accessToken) bool
	if maxAge > 0 {
		suits = func(a *accessToken) bool { return a.life.age(t.now()) <= maxAge }
	}
	x.token, x.fetched, err = t.acquire(ctx, scope, suits)
	return err
}

// state returns what [next] must know of the exchange.
func (x *exchange) state(now time.Time) tryState {
	return tryState{requested: x.token.requested, age: x.token.life.age(now), fetched: x.fetched, tried: x.tried,
		rewinds: rewinds(x.req), asked: !x.asked.IsEmpty()}
}

// readAnswer returns what [next] must know of an answer, and the error for a challenge
// that names a token service on another host.
func (t *Transport) readAnswer(x *exchange, resp *http.Response) (a answer, realmErr error) {
	a.status = resp.StatusCode
	if a.status != http.StatusUnauthorized {
		return a, nil
	}
	challenge, challenged, err := wire.BearerChallenge(resp.Header)
	a.challenge, a.challenged, a.unreadable = challenge, challenged, err != nil
	if challenged {
		realmErr = t.checkRealm(challenge.Realm)
		a.elsewhere, a.barred = realmErr != nil, !x.guard.May(challenge.Scope)
	}
	return a, realmErr
}

// apply does what a decision says about scopes and the token that was sent.
func (t *Transport) apply(ctx context.Context, x *exchange, a answer, d decision) {
	if d.adopt {
		x.guard.Used, x.asked = a.challenge.Scope, a.challenge.Scope
	}
	if d.learn {
		t.learn(x.need, x.asked)
	}
	if d.unlearn {
		t.unlearn(x.need, x.token.requested)
	}
	t.forget(ctx, x.token, d.drop)
}

// drainLimit is how much of a refusal is read to keep its connection.
//
//rule:client-limits-drain-limit
const drainLimit = 16 << 10

// drainTime is how long that may take. The body of a refusal comes with its header or
// soon after it; a new connection takes about as long.
const drainTime = 250 * time.Millisecond

// send sends a clone of req with the token. The response names the caller's own
// request, because the clone holds the token and responses are dumped.
func (t *Transport) send(req *http.Request, body io.ReadCloser, token *accessToken) (*http.Response, error) {
	//rule:d4-send
	clone := req.Clone(req.Context())
	clone.Body = body
	dropAuthorization(clone)
	clone.Header.Set("Authorization", "Bearer "+token.value.Reveal())
	resp, err := t.base.RoundTrip(clone)
	if err != nil {
		return nil, t.failed(req, err)
	}
	//rule:printing-send
	resp.Request = req
	return resp, nil
}

func rewinds(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// bodyAgain returns the body of a request for another try.
func bodyAgain(req *http.Request) (io.ReadCloser, error) {
	if req.GetBody == nil {
		return req.Body, nil
	}
	return req.GetBody()
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
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
