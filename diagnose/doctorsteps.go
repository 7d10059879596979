package diagnose

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// doctor is one run of [Doctor].
type doctor struct {
	*examiner
	check Check
	left  int  // HTTP requests that may still be made
	now   Want // that is looked at; zero before the first

	byProxy *url.URL // the proxy that requests take; nil = none
	skew    time.Duration
	start   time.Time
}

func newDoctor(check Check, opts *Options) *doctor {
	d := &doctor{check: check, left: MaxRequests}
	d.examiner = newExaminer(Attempt{Registry: check.Registry, Transport: check.Transport, Lookups: check.Lookups,
		Written: check.Written}, opts)
	d.start = d.o.Now()
	d.byProxy = d.proxyURL()
	return d
}

// examine begins the examination of a step's failure.
func (d *doctor) examine(a Attempt) *examiner {
	x := newExaminer(a, &d.o)
	x.here, x.held = d.here, d.held
	return x
}

// step ends a step with what was asked since the last one.
func (d *doctor) step(name string, o Outcome, text string, found *Diagnosis) Step {
	now := d.o.Now()
	s := Step{Name: name, Want: d.now, Outcome: o, Text: text, Diagnosis: found, Requests: d.probes,
		Took: now.Sub(d.start)}
	d.probes, d.start = nil, now
	return s
}

// failed returns a step that failed, or warns, with a diagnosis.
func (d *doctor) failed(ctx context.Context, name string, o Outcome, found Diagnosis) Step {
	found = d.finish(ctx, found)
	text := found.Title()
	if len(found.Evidence) > 0 {
		text += ": " + found.Evidence[len(found.Evidence)-1]
	}
	return d.step(name, o, text, &found)
}

// explained returns a step with the diagnosis of an error, by all that is known so far.
func (d *doctor) explained(ctx context.Context, name string, err error, required acrkit.Scope, target string) Step {
	a := d.a
	a.Err, a.Required, a.Target = err, required, target
	x := d.examine(a)
	found := x.finish(ctx, x.decide(ctx))
	d.probes = append(d.probes, found.Probes...)
	text := found.Title()
	if len(found.Evidence) > 0 {
		text += ": " + found.Evidence[len(found.Evidence)-1]
	}
	return d.step(name, Failed, text, &found)
}

// spend counts one request, and reports false if none is left.
func (d *doctor) spend() bool {
	if d.left == 0 || d.o.NoProbes {
		return false
	}
	d.left--
	return true
}

// written is the registry as it was named.
func (d *doctor) written(ctx context.Context, yield func(Step) bool) bool {
	if d.reg.IsZero() {
		found := verdict(cause.WrongUsage, Proved, "no registry is named")
		yield(d.failed(ctx, "registry", Failed, found))
		return false
	}
	if strings.HasSuffix(d.check.Written, ":443") {
		return yield(d.failed(ctx, "registry", Warning,
			verdict(cause.LoginServerPort, Suspected, fmt.Sprintf("the host is written %q", clip(d.check.Written)))))
	}
	return yield(d.step("registry", OK, d.reg.Host(), nil))
}

// direct is the outcome of what a proxy makes unimportant.
func (d *doctor) direct() Outcome {
	if d.byProxy != nil {
		return Warning
	}
	return Failed
}

func (d *doctor) name(ctx context.Context, yield func(Step) bool) bool {
	host := d.reg.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || d.reg.IsLoopback() {
		return yield(d.step("name", OK, host+" needs no look-up", nil))
	}
	if d.o.NoProbes {
		return yield(d.step("name", Skipped, "look-ups are forbidden", nil))
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	addrs, err := d.resolver().LookupNetIP(ctx, "ip", host)
	d.note(Probe{What: "look up the addresses of " + host, Result: resultOf(fmt.Sprint(addrs), err)})
	if err != nil {
		d.facts.err = wire.NetworkError(err, "", d.reg, d.reg.Host())
		d.a.Err = err
		found, ok := d.network(ctx)
		if !ok {
			found = verdict(d.facts.err.Cause, Proved, d.reason())
		}
		d.facts.err, d.a.Err = nil, nil
		if bad, ok := d.malformedProxy(); ok && found.Code != bad.Code && !d.reg.IsLoopback() {
			bad.Evidence = append(bad.Evidence, found.Evidence...)
			found = bad
		}
		o := d.direct()
		return yield(d.failed(ctx, "name", o, found)) && o != Failed
	}
	return yield(d.step("name", OK, fmt.Sprintf("%s is %s", host, addrs[0]), nil))
}

func (d *doctor) address() string {
	if _, _, err := net.SplitHostPort(d.reg.Host()); err == nil {
		return d.reg.Host()
	}
	if d.o.PlainHTTP {
		return net.JoinHostPort(d.reg.Hostname(), "80")
	}
	return net.JoinHostPort(d.reg.Hostname(), "443")
}

func (d *doctor) tcp(ctx context.Context, yield func(Step) bool) bool {
	if d.o.NoProbes {
		return yield(d.step("tcp", Skipped, "connections are forbidden", nil))
	}
	conn, err := d.dial(ctx, d.address())
	d.note(Probe{What: "connect to " + d.address(), Result: resultOf("connected", err)})
	if err != nil {
		e := wire.NetworkError(err, "", d.reg, d.reg.Host())
		c := e.Cause
		if c == "" {
			c = cause.Unavailable
		}
		found := verdict(c, Proved, wire.Within(e))
		if bad, ok := d.malformedProxy(); ok && found.Code != bad.Code && !d.reg.IsLoopback() {
			bad.Evidence = append(bad.Evidence, found.Evidence...)
			found = bad
		}
		o := d.direct()
		return yield(d.failed(ctx, "tcp", o, found)) && o != Failed
	}
	_ = conn.Close()
	return yield(d.step("tcp", OK, d.address()+" takes connections", nil))
}

// tls makes a handshake of its own, to see who signed the certificate.
func (d *doctor) tls(ctx context.Context, yield func(Step) bool) bool {
	switch {
	case d.o.PlainHTTP:
		return yield(d.step("tls", Skipped, "plain HTTP is used", nil))
	case d.o.NoProbes || d.byProxy != nil:
		return yield(d.step("tls", Skipped, "no connection of its own is made", nil))
	}
	conn, err := d.dial(ctx, d.address())
	if err != nil {
		return true // tcp has said so
	}
	defer func() { _ = conn.Close() }()
	config := d.tlsConfig()
	config.ServerName = d.reg.Hostname()
	client := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	err = client.HandshakeContext(ctx)
	d.note(Probe{What: "TLS with " + d.reg.Host(), Result: resultOf("trusted", err)})
	if err != nil {
		if errors.As(err, new(tls.RecordHeaderError)) {
			yield(d.failed(ctx, "tls", Failed, verdict(cause.PlainHTTPServer, Proved, "the answer is not TLS")))
			return false
		}
		yield(d.explained(ctx, "tls", err, acrkit.Scope{}, ""))
		return false
	}
	if chain := client.ConnectionState().PeerCertificates; d.reg.IsACR() && len(chain) > 0 {
		if found, ok := intercepted(chain[0]); ok {
			found.Confidence = Suspected // it is trusted here, so it is probably intended
			return yield(d.failed(ctx, "tls", Warning, found))
		}
		return yield(d.step("tls", OK, "the certificate is trusted, and of "+issuerOf(chain[0]), nil))
	}
	return yield(d.step("tls", OK, "the certificate is trusted", nil))
}

func (d *doctor) proxy(ctx context.Context, yield func(Step) bool) bool {
	if bad, ok := d.malformedProxy(); ok {
		return yield(d.failed(ctx, "proxy", Warning, bad))
	}
	if d.byProxy == nil {
		return yield(d.step("proxy", OK, "none is used for this registry", nil))
	}
	return yield(d.step("proxy", OK, "requests go through "+d.byProxy.Host, nil))
}

// challenged asks for the challenge: is this a registry, and does it allow this
// address?
func (d *doctor) challenged(ctx context.Context, yield func(Step) bool) bool {
	if !d.spend() {
		return yield(d.step("challenge", Skipped, "requests are forbidden", nil))
	}
	const op = "ask for the challenge, without a credential"
	resp, body, err := d.ask(ctx, op, "/v2/") //nolint:bodyclose // ask closes it
	if err != nil {
		yield(d.explained(ctx, "challenge", err, acrkit.Scope{}, ""))
		return false
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		d.date, d.skew = date, d.o.Now().Sub(date)
	}
	challenge, asked, err := wire.BearerChallenge(resp.Header)
	bearer := resp.StatusCode == http.StatusUnauthorized && asked && err == nil
	switch {
	case resp.StatusCode == http.StatusForbidden:
		a := d.a
		a.Exchange = &Exchange{Method: http.MethodGet, URL: d.scheme() + "://" + d.reg.Host() + "/v2/",
			Status: resp.StatusCode, Header: resp.Header, Body: body}
		x := d.examine(a)
		found := x.finish(ctx, x.networkRule(ctx))
		d.probes = append(d.probes, x.probes...)
		yield(d.step("network-rule", Failed, found.Title()+": "+found.Evidence[0], &found))
		return false
	case resp.StatusCode == http.StatusTooManyRequests:
		yield(d.failed(ctx, "challenge", Failed, verdict(cause.Throttled, Proved, "GET /v2/ is answered 429")))
		return false
	case resp.StatusCode >= 500:
		yield(d.failed(ctx, "challenge", Failed,
			verdict(cause.Unavailable, Proved, fmt.Sprintf("GET /v2/ is answered %d", resp.StatusCode))))
		return false
	case bearer && challenge.Service != "" && !strings.EqualFold(challenge.Service, d.reg.Host()) &&
		d.otherRegistry(challenge.Service):
		return yield(d.failed(ctx, "challenge", Warning,
			verdict(cause.Protocol, Suspected, "the challenge names another service, "+
				clip(redact.Text(challenge.Service)))))
	case !bearer && (resp.StatusCode != http.StatusOK || resp.Header.Get("Docker-Distribution-Api-Version") == ""):
		yield(d.failed(ctx, "challenge", Failed,
			verdict(cause.NotARegistry, Proved,
				fmt.Sprintf("GET /v2/ is answered %d without a Bearer challenge", resp.StatusCode))))
		return false
	}
	return yield(d.step("challenge", OK, "the registry asks for a Bearer token", nil)) &&
		yield(d.step("network-rule", OK, "the registry allows this address", nil))
}

func (d *doctor) clockStep(ctx context.Context, yield func(Step) bool) bool {
	switch {
	case d.date.IsZero():
		return yield(d.step("clock", Skipped, "the registry's Date is not known", nil))
	case d.skew.Abs() > clockSkew:
		return yield(d.failed(ctx, "clock", Warning, verdict(cause.ClockOff, Proved, skewText(d.skew))))
	}
	return yield(d.step("clock", OK, fmt.Sprintf("within %s of the registry's", clockSkew), nil))
}

// credentialStep says where the credential came from, which won and which lost,
// and whether it can be used.
func (d *doctor) credentialStep(ctx context.Context, yield func(Step) bool) bool {
	if d.check.Err != nil {
		yield(d.explained(ctx, "credential", d.check.Err, acrkit.Scope{}, ""))
		return false
	}
	if d.check.Transport == nil {
		yield(d.failed(ctx, "credential", Failed,
			verdict(cause.NoCredential, Proved, "there is none for this registry")))
		return false
	}
	text := d.check.Transport.Describe()
	if d.check.Source != "" {
		text += ", from " + d.check.Source
	}
	lost := losers(d.check.Lookups)
	if len(lost) > 0 {
		text += "; " + strings.Join(lost, "; ")
	}
	if !yield(d.step("credential", OK, clip(redact.Text(text)), nil)) {
		return false
	}
	if found, ok := d.ended(ctx); ok {
		yield(d.failed(ctx, "shape", Failed, found))
		return false
	}
	return yield(d.step("shape", OK, "it has the form of its kind and has not expired by its own exp", nil))
}

// losers lists the places that were looked at and not used.
func losers(lookups []auth.Lookup) []string {
	var out []string
	for _, l := range lookups {
		if l.Outcome == auth.OutcomeShadowed || l.Outcome == auth.OutcomeRefused || l.Outcome == auth.OutcomeFailed ||
			l.Outcome == auth.OutcomeIncomplete {
			out = append(out, l.Source+": "+string(l.Outcome))
		}
	}
	return out
}

// signIn gets a token: Entra and the exchange where the credential is Entra's, and
// the registry's token service.
func (d *doctor) signIn(ctx context.Context, yield func(Step) bool) bool {
	scope := acrkit.Scope{}
	if len(d.check.Wants) > 0 {
		scope = d.check.Wants[0].scope()
	}
	entra := d.isEntra() && !slices.Contains([]auth.Kind{auth.KindRefreshToken}, d.credential().Kind())
	token, err := d.check.Transport.Token(ctx, scope)
	if err != nil {
		name := "token"
		e := (*acrkit.Error)(nil)
		switch {
		case errors.As(err, new(auth.EntraRefusal)), ours(err, &e) && e.Cause == cause.EntraUnreachable:
			name = "entra"
		case ours(err, &e) && strings.HasSuffix(e.URL, "/oauth2/exchange"):
			name = "exchange"
		}
		if name == "exchange" && !yield(d.step("entra", OK, "Entra gives a token", nil)) {
			return false
		}
		yield(d.explained(ctx, name, err, scope, ""))
		return false
	}
	if entra {
		if !yield(d.step("entra", OK, "Entra gives a token", nil)) {
			return false
		}
		s := d.step("audience", OK, token.Audience, nil)
		if strings.Contains(token.Audience, "management") {
			s.Outcome, s.Text = Warning, token.Audience+": a token for Azure Resource Manager can do far more than pull"
		}
		if !yield(s) || !yield(d.step("exchange", OK, "the registry gives an ACR refresh token", nil)) {
			return false
		}
	}
	return yield(d.step("token", OK, "the registry gives an access token", nil))
}
