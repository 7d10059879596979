package diagnose

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

const (
	// probeTime is how long one probe may take: a person waits for it, and a host that
	// drops packets never answers.
	//rule:stalls-probe-time
	probeTime = 10 * time.Second
	// dialTime is how long a look-up and a connection may take to begin. A resolver
	// turns to its second server after 5 s (resolv.conf(5)), and TCP tries again after
	// 1 and 3: what has not come by then may be called missing.
	//rule:stalls-dial-time
	dialTime = 6 * time.Second
	// textDialTime is the same where a text is read: it is often read where the registry
	// cannot be reached, and tells most by itself.
	//rule:stalls-text-dial-time
	textDialTime = 2 * time.Second
	// maxProbeBody is how much of a probe's answer is read.
	maxProbeBody = 64 << 10
)

func (x *examiner) note(p Probe) { x.probes = append(x.probes, p) }

func (x *examiner) noteARM(what string, err error) {
	x.note(Probe{What: "ask Azure Resource Manager for " + what, Result: resultOf("answered", err)})
}

func resultOf(good string, err error) string {
	if err == nil {
		return clip(redact.Text(good))
	}
	return clip(redact.Text(err.Error()))
}

func networkReason(err error, host string) string {
	return wire.Within(wire.NetworkError(err, "", acrkit.Registry{}, host))
}

func (x *examiner) resolver() Resolver {
	if x.o.Resolver != nil {
		return x.o.Resolver
	}
	return net.DefaultResolver
}

// base returns what sends probes without a credential, and a function that ends
// it.
func (x *examiner) base() (http.RoundTripper, func()) {
	base, own := wire.Base(x.o.Base)
	if own == nil {
		return base, func() {}
	}
	return base, own.CloseIdleConnections
}

func (x *examiner) scheme() string {
	if x.o.PlainHTTP {
		return "http"
	}
	return "https"
}

// probing limits the time of one probe, and of its connection.
func (x *examiner) probing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(stall.WithConnectTime(ctx, x.dialTime()), probeTime)
	x.giveUp = cancel
	return ctx, cancel
}

// retried is called before a request of a probe is made again. For a text, a request
// without an answer is not repeated.
func (x *examiner) retried(_ time.Duration, err error) {
	if x.onlyText && !wasAnswered(err) && x.giveUp != nil {
		x.unmade = err
		//rule:stalls-retried
		x.giveUp()
	}
}

// dialTime is how long a look-up and a connection of a probe may take to begin.
func (x *examiner) dialTime() time.Duration {
	if x.onlyText {
		return textDialTime
	}
	return dialTime
}

// mayAsk reports whether a probe may be made: they are not forbidden, and, of a text,
// none has been left without an answer.
//
//rule:stalls-may-ask
func (x *examiner) mayAsk() bool { return !x.o.NoProbes && !(x.onlyText && x.silent) }

// unanswered notes that a probe was not answered. It says nothing of what a client met
// elsewhere, and changes no verdict.
func (x *examiner) unanswered(p Probe, reason string) {
	x.silent = true
	p.Status, p.Result = 0, "could not be asked from here: "+reason
	x.note(p)
}

// ask sends a request without a credential to the registry, and notes it. The body
// is read, bounded, and closed.
func (x *examiner) ask(ctx context.Context, what, path string) (*http.Response, []byte, error) {
	ctx, cancel := x.probing(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.scheme()+"://"+x.reg.Host()+path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", "acrkit")
	base, done := x.base()
	defer done()
	resp, err := stall.Wrap(base).RoundTrip(req)
	p := Probe{What: what, Method: http.MethodGet, URL: redact.URL(req.URL)}
	if err != nil {
		x.unanswered(p, clip(networkReason(err, x.reg.Host())))
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProbeBody)) // a part of it is enough
	p.Status, p.Result = resp.StatusCode, http.StatusText(resp.StatusCode)
	x.note(p)
	x.answered++
	return resp, body, nil
}

// get is ask that returns only the status; 0 = no answer, or probes are forbidden.
func (x *examiner) get(ctx context.Context, what, path string) int {
	if !x.mayAsk() || x.reg.IsZero() {
		return 0
	}
	resp, _, err := x.ask(ctx, what, path) //nolint:bodyclose // ask closes it
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

// dateOf returns the registry's clock; zero where it is not known.
func (x *examiner) dateOf(ctx context.Context) time.Time {
	if !x.mayAsk() || x.reg.IsZero() {
		return time.Time{}
	}
	const op = "ask for the registry's Date, without a credential"
	resp, _, err := x.ask(ctx, op, "/v2/") //nolint:bodyclose // ask closes it
	if err != nil {
		return time.Time{}
	}
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	return date
}

// token asks for an access token with the attempt's own credential. It goes where
// that credential goes anyway.
func (x *examiner) token(ctx context.Context, t *auth.Transport, what string, scope acrkit.Scope) (auth.Token, error) {
	ctx, cancel := x.probing(ctx)
	defer cancel()
	if !x.mayAsk() {
		return auth.Token{}, errNotAsked
	}
	token, err := t.Token(ctx, scope)
	p := Probe{What: what, Method: http.MethodPost, URL: x.scheme() + "://" + x.reg.Host() + "/oauth2/token",
		Status: http.StatusOK, Result: "granted: unknown"}
	switch e := (*acrkit.Error)(nil); {
	case err != nil && !wasAnswered(err):
		x.unanswered(p, resultOf("", err))
		return token, err
	case err != nil && ours(err, &e):
		p.Status, p.Result = e.Status, string(e.Code)
	case token.Granted != nil:
		p.Result = "granted: " + token.Granted.String()
		if token.Granted.IsEmpty() {
			p.Result = "granted: nothing"
		}
	}
	p.Result = clip(p.Result)
	x.note(p)
	x.answered++
	return token, err
}

// errNotAsked is the error of a probe that was not made.
var errNotAsked = errors.New("not asked")

// wasAnswered reports whether an error is an answer of the registry or of Entra.
func wasAnswered(err error) bool {
	e := (*acrkit.Error)(nil)
	return ours(err, &e) && e.Status != 0 || errors.As(err, new(auth.EntraRefusal))
}

// another binds another credential to the registry, for a probe.
func (x *examiner) another(cred auth.Credential) (*auth.Transport, error) {
	return auth.NewTransport(x.reg.Host(), cred, &auth.Options{Base: x.o.Base, PlainHTTP: x.o.PlainHTTP,
		CustomLoginServer: true, Now: x.o.Now})
}

// dial connects as the client would, by the dialer of the base where it has one.
func (x *examiner) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if t, ok := x.o.Base.(*http.Transport); ok && t.DialContext != nil {
		return t.DialContext(ctx, "tcp", addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// tlsConfig returns the client's settings for TLS.
func (x *examiner) tlsConfig() *tls.Config {
	if t, ok := x.o.Base.(*http.Transport); ok && t.TLSClientConfig != nil {
		return t.TLSClientConfig.Clone()
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}
