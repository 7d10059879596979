package emulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/identity"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/internal/tokensvc"
	"github.com/acrkit/acrkit/emulator/rule"
)

// rehearse applies the network rules first, as a firewall does, then faults, then
// rate limits. It reports whether one of them answered the request; if not, the
// request goes on with the writer it returns.
func (e *Emulator) rehearse(w http.ResponseWriter, r *http.Request, to route.Route, reg *identity.Registry) (next http.ResponseWriter, finish func(), done bool) {
	nothing := func() {}
	class := to.Class()
	if class == "" {
		return w, nothing, false
	}
	if reg.Network != nil && to.Service.OfRegistry() {
		if addr, ok := allows(reg.Network, r); !ok {
			e.noteEnd(r, reg, decisions.Denied, rule.NetworkRule, "the network rules do not allow "+addr)
			commonHeaders(w, class)
			answer.Errors(w, http.StatusForbidden, "DENIED", fmt.Sprintf("client with IP '%s' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.", addr))
			return w, nothing, true
		}
	}
	if e.faults.on.Load() {
		if f, ok := e.faults.pick(r, class, reg.Name, func() string { return e.principalOf(r, reg, to).Name }); ok {
			e.noteEnd(r, reg, decisions.Faulted, f.Kind.rule(), f.String())
			return f.Kind.kind().inject(e, w, r, class, f)
		}
	}
	if e.limits.on.Load() && to.Service.OfRegistry() {
		if wait, why := e.limits.take(reg, r.Method, class, func() identity.Principal { return e.principalOf(r, reg, to) }, e.now()); wait > 0 {
			e.noteEnd(r, reg, decisions.Faulted, rule.RateLimit, why)
			w.Header().Set("Retry-After", fmt.Sprint(wait))
			fail(w, r, class, http.StatusTooManyRequests)
			return w, nothing, true
		}
	}
	return w, nothing, false
}

// noteEnd writes to the decision log why a request ended before its credential was
// checked.
func (e *Emulator) noteEnd(r *http.Request, reg *identity.Registry, outcome string, id rule.ID, reason string) {
	e.noteDecision(r, decisions.Decision{Registry: reg.Name, Outcome: outcome, RuleID: id, Reason: reason})
}

// noteRefusal writes to the decision log a refusal by a part that does not write to
// it itself: the authority, Azure Resource Manager, locks, the host of blobs.
func (e *Emulator) noteRefusal(r *http.Request, who identity.Principal, id rule.ID, reason string) {
	d := decisions.Decision{Outcome: decisions.Denied, Kind: string(who.Kind), Principal: who.Name, RuleID: id, Reason: reason}
	if before := exchangeOf(r).decided; before != nil { // a request that had the right
		d.Kind, d.Principal, d.Required = before.Kind, before.Principal, before.Required
	}
	if reg, ok := e.resolve(r.Host); ok {
		d.Registry = reg.Name
	} else if reg, ok := e.registryOfBlobs(r); ok {
		d.Registry = reg.Name
	}
	e.noteDecision(r, d)
}

// noteDecision completes a decision from its request and writes it.
func (e *Emulator) noteDecision(r *http.Request, d decisions.Decision) {
	d.Method, d.Path, d.RequestID = r.Method, r.URL.Path, exchangeOf(r).header.Get(answer.CorrelationHeader)
	if err := e.log.Record(context.WithoutCancel(r.Context()), d); err != nil {
		e.logger.Error("a decision was not recorded", "error", err, "outcome", d.Outcome, "reason", d.Reason)
	}
}

// allows reports whether network rules allow a client's address, and returns the
// address.
func allows(n *identity.Network, r *http.Request) (addr string, ok bool) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr, false
	}
	ip := from.Addr().Unmap().WithZone("")
	for _, rule := range n.Allow {
		if p, err := netip.ParsePrefix(rule); err == nil && p.Contains(ip) {
			return ip.String(), true
		}
	}
	return ip.String(), false
}

// principalOf returns the principal that a request claims, without checking the
// claim: the token, client id or admin user. It is empty for anonymous clients and
// for credentials that cannot be read.
func (e *Emulator) principalOf(r *http.Request, reg *identity.Registry, to route.Route) identity.Principal {
	header := r.Header.Get("Authorization")
	if user, _, ok := tokensvc.BasicAuth(header); ok && user != identity.ZeroGUID {
		return identity.Principal{Name: user}
	}
	_, bearer, _ := strings.Cut(header, " ")
	switch to.Service {
	case route.Tokens, route.Entra:
	case route.ARM, route.Metadata:
		return e.applicationOf(bearer)
	default:
		a, err := e.verifier.Verify(reg, strings.TrimSpace(bearer), e.now())
		if err != nil {
			return identity.Principal{}
		}
		return a.Principal
	}
	form := peekForm(r)
	if token := form.Get("access_token"); to.Operation == route.Exchange {
		return e.applicationOf(token)
	}
	if id := form.Get("client_id"); to.Service == route.Entra {
		return identity.Principal{Name: id}
	}
	refresh := form.Get("refresh_token")
	switch user := form.Get("username"); user {
	case "":
	case identity.ZeroGUID:
		refresh = form.Get("password")
	default:
		return identity.Principal{Name: user}
	}
	if _, password, ok := tokensvc.BasicAuth(header); ok {
		refresh = password
	}
	who, err := e.ids.CheckRefresh(reg, refresh, e.now())
	if err != nil {
		return identity.Principal{}
	}
	return who
}

func (e *Emulator) applicationOf(token string) identity.Principal {
	v, err := e.entra.Tokens.Verify(strings.TrimSpace(token))
	if err != nil {
		return identity.Principal{}
	}
	return identity.Principal{Kind: identity.KindServicePrincipal, Name: v.Application.ClientID}
}

// peekForm reads a form and leaves it to be read again. It does not wait for the
// client: the body of a token request is in memory (readForm).
func peekForm(r *http.Request) url.Values {
	if r.Body == nil || r.Method != http.MethodPost {
		return url.Values{}
	}
	data, _ := io.ReadAll(io.LimitReader(r.Body, maxForm)) // an error comes again
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return url.Values{}
	}
	return form
}

// gate holds requests back while a reset replaces the state.
type gate struct {
	opened chan struct{} // closed at the reset's end
	idle   chan struct{} // of capacity 1: a token when the last request has left
}

// enter counts a request as under way; it waits while a reset runs. It reports
// false where the client gave up meanwhile.
func (e *Emulator) enter(ctx context.Context) bool {
	for {
		e.underWay.Add(1)
		g := e.gate.Load()
		if g == nil {
			return true
		}
		e.leave()
		select {
		case <-g.opened:
		case <-ctx.Done():
			return false
		}
	}
}

func (e *Emulator) leave() {
	if e.underWay.Add(-1) == 0 {
		if g := e.gate.Load(); g != nil {
			select {
			case g.idle <- struct{}{}:
			default:
			}
		}
	}
}

// rehearsal is the part of an [Emulator] that makes requests fail on purpose.
type rehearsal struct {
	faults faults
	limits limits

	resetting sync.Mutex
	gate      atomic.Pointer[gate] // nil = open
	underWay  atomic.Int64         // requests, apart from the control API's
}

// observed reports a status before it is written.
type observed struct {
	http.ResponseWriter
	report   func(status int)
	reported bool
}

func (o *observed) once(status int) {
	if !o.reported && (status >= 200 || status == http.StatusSwitchingProtocols) {
		o.reported = true
		o.report(status)
	}
}

// WriteHeader reports the status, then writes it.
func (o *observed) WriteHeader(status int) {
	o.once(status)
	o.ResponseWriter.WriteHeader(status)
}

// Write writes a body, with the status 200 where there was none.
func (o *observed) Write(b []byte) (int, error) {
	o.once(http.StatusOK)
	return o.ResponseWriter.Write(b)
}

// ReadFrom lets the HTTP server send a file without copying it.
func (o *observed) ReadFrom(r io.Reader) (int64, error) {
	o.once(http.StatusOK)
	return io.Copy(o.ResponseWriter, r)
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
