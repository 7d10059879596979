package diagnose

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// maxText is how much of a client's output or of an answer's body is read, in
// bytes. A refusal has some hundred; a client's output around it, a screen or two.
const maxText = 64 << 10

// place is what a request was to.
type place int

const (
	elsewhere   place = iota // another host, or not known
	theAPI                   // /v2/… and /acr/v1/…
	theBase                  // /v2/ itself
	theToken                 // /oauth2/token
	theExchange              // /oauth2/exchange
)

// facts are what an attempt shows: an error, an exchange or a text.
type facts struct {
	reg    acrkit.Registry
	err    *acrkit.Error // of this module, or made from a connection's; nil if there is none
	status int
	method string
	at     place
	url    *url.URL // nil if not known

	challenge wire.Bearer
	asked     bool // there is a Bearer challenge
	basic     bool // there is a Basic challenge

	services []acrkit.ServiceError
	says     []errtext.Says
	said     string // texts of the service and of the client, without secrets; no decision depends on them
	reading  errtext.Reading
	onlyText bool // what a client printed is all there is
	date     time.Time

	retryAfter time.Duration // 0 = the answer does not say

	required acrkit.Scope
	granted  *acrkit.Scope // what the token that was sent held; nil = unknown

	refusal auth.EntraRefusal
	refused bool // refusal is set

	// What was sent, where it is known.
	requestKnown bool
	sentSecret   bool        // any credential or token
	user         string      // a user name; "" = none
	password     string      // never shown
	claims       wire.Claims // of the token that was sent
	claimsKnown  bool
	damage       string // what is wrong with that token, "" = nothing that can be seen
	length       int    // of the Authorization header
	form         url.Values

	repository string
	target     string
}

// saysIt reports whether a service says it, in an answer or in the text of a client.
func (f *facts) saysIt(s errtext.Says) bool { return slices.Contains(f.says, s) }

func (f *facts) serviceCode(code string) bool {
	for _, s := range f.services {
		if s.Code == code {
			return true
		}
	}
	return false
}

// gather reads an attempt.
func gather(a *Attempt) *facts {
	f := &facts{reg: a.Registry, required: a.Required, target: a.Target}
	if f.reg.IsZero() && a.Transport != nil {
		f.reg = a.Transport.Registry()
	}
	f.fromError(a)
	f.fromExchange(a.Exchange)
	if r, ok := auth.ReadEntraRefusal(f.said); ok && !f.refused {
		f.refusal, f.refused = r, true
	}
	f.says = errtext.Sentences(f.said)
	f.fromText(a)
	f.fromURL()
	if f.claimsKnown && f.claims.Access != nil {
		f.granted = f.claims.Granted(f.required)
	}
	for access := range f.required.All() {
		if access.Type == "repository" {
			// Of a mount's two the target is the one with more rights.
			if f.repository == "" || len(access.Actions) > 1 {
				f.repository = access.Name
			}
		}
	}
	return f
}

// fromText reads what a client printed. It is used where nothing else decides.
func (f *facts) fromText(a *Attempt) {
	f.reading.Ended = -1
	if a.Text == "" {
		return
	}
	f.reading = errtext.Read(a.Text)
	f.onlyText = a.Err == nil && a.Exchange == nil
	f.say(f.reading.Text)
	if !f.onlyText {
		return
	}
	if f.reg.IsZero() {
		f.reg = f.reading.Registry
	}
	if f.required.IsEmpty() {
		f.required = f.reading.Required
	}
	f.target = cmp.Or(f.target, f.reading.Target)
	f.repository = f.reading.Repository
	if f.reading.Ended < 0 {
		return
	}
	e := f.reading.Events[f.reading.Ended]
	f.says = e.Says
	if e.Phase == errtext.Entra {
		f.refusal, f.refused = auth.ReadEntraRefusal(e.Line)
	}
}

func (f *facts) say(text string, secrets ...redact.Secret) {
	if len(text) > maxText {
		text = text[len(text)-maxText:] // the end says what failed
	}
	if text = redact.Text(text, secrets...); text != "" {
		f.said = strings.TrimSpace(f.said + " " + text)
	}
}

func (f *facts) fromError(a *Attempt) {
	if a.Err == nil {
		return
	}
	e, ok := errors.AsType[*acrkit.Error](a.Err)
	if !ok {
		host := f.reg.Host()
		// The error of an http.Client names the URL it could not reach, which after a
		// redirect is another host's.
		if ue, ok := errors.AsType[*url.Error](a.Err); ok {
			if u, err := url.Parse(ue.URL); err == nil && u.Host != "" {
				f.url, host = u, u.Host
			}
		}
		e = wire.NetworkError(a.Err, "", f.reg, host)
	}
	f.err, f.status, f.method = e, e.Status, e.Method
	if f.reg.IsZero() {
		f.reg = e.Registry
	}
	if f.required.IsEmpty() {
		f.required = e.Required
	}
	f.granted = e.Granted
	if u, err := url.Parse(e.URL); err == nil && u.Host != "" && f.url == nil {
		f.url = u
	}
	f.say(e.Reason)
	for _, c := range e.Errs {
		if s, ok := errors.AsType[acrkit.ServiceError](c); ok {
			f.services = append(f.services, s)
			f.say(s.Error())
		}
	}
	if e.Code == acrkit.CodeInsufficientScope {
		f.challenge.Error, f.asked = wire.ErrInsufficientScope, true
	}
	f.refusal, f.refused = errors.AsType[auth.EntraRefusal](a.Err)
	if a.Transport != nil && e.Code == acrkit.CodeCredentialRejected {
		f.sentSecret = true
	}
}

func (f *facts) fromExchange(x *Exchange) {
	if x == nil {
		return
	}
	f.status, f.method = x.Status, cmp.Or(x.Method, f.method)
	if u, err := url.Parse(x.URL); err == nil {
		f.url = u
	}
	f.fromRequest(x)
	f.date, _ = http.ParseTime(x.Header.Get("Date"))
	f.retryAfter = min(wire.RetryAfter(x.Header), wire.MaxRetryAfter)
	if c, asked, err := wire.BearerChallenge(x.Header); err == nil && asked {
		f.challenge, f.asked = c, true
		if f.required.IsEmpty() {
			f.required = c.Scope
		}
	}
	if all, err := wire.ParseChallenges(x.Header.Values("Www-Authenticate")); err == nil {
		for _, c := range all {
			f.basic = f.basic || c.Scheme == "basic"
		}
	}
	secrets := []redact.Secret{redact.NewSecret(f.password)}
	body := x.Body
	if len(body) > maxText {
		body = body[:maxText]
	}
	f.services = append(f.services, wire.ReadServiceErrors(body)...)
	f.say(string(body), secrets...)
	if f.required.IsEmpty() && f.url != nil {
		f.required = operation.RequiredFor(f.method, f.url).Scope
	}
}

// fromRequest reads what was sent.
func (f *facts) fromRequest(x *Exchange) {
	if x.RequestHeader == nil && x.RequestBody == nil {
		return
	}
	f.requestKnown = true
	header := x.RequestHeader.Get("Authorization")
	f.length = len(header)
	scheme, rest, _ := strings.Cut(header, " ")
	token := ""
	switch {
	case strings.EqualFold(scheme, "Basic"):
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)); err == nil {
			f.user, f.password, _ = strings.Cut(string(raw), ":")
		}
		token = f.password
	case strings.EqualFold(scheme, "Bearer"):
		token = strings.TrimSpace(rest)
	}
	if f.url != nil && x.Method == http.MethodGet {
		f.form = f.url.Query()
	}
	if len(x.RequestBody) > 0 && len(x.RequestBody) <= maxText &&
		strings.HasPrefix(x.RequestHeader.Get("Content-Type"), "application/x-www-form-urlencoded") {
		f.form, _ = url.ParseQuery(string(x.RequestBody))
		f.user = cmp.Or(f.form.Get("username"), f.user)
		f.password = cmp.Or(f.form.Get("password"), f.password)
		token = cmp.Or(f.form.Get("refresh_token"), f.form.Get("access_token"), f.password, token)
	}
	f.sentSecret = header != "" || token != ""
	f.damage = wire.Damage(token)
	if c, err := wire.ReadClaims(token); err == nil {
		f.claims, f.claimsKnown = c, true
	}
}

// fromURL says what the request was to.
func (f *facts) fromURL() {
	u := f.url
	if u == nil {
		return
	}
	if f.reg.IsZero() {
		if reg, err := acrkit.ParseRegistry(u.Host); err == nil {
			f.reg = reg
		}
	}
	// ParseRegistry takes off the port that is the scheme's own.
	if host, err := acrkit.ParseRegistry(u.Host); err != nil || host != f.reg {
		return
	}
	need := operation.RequiredFor(f.method, u)
	if f.repository == "" {
		f.repository = need.Repository
	}
	switch path := u.Path; {
	case path == "/v2" || path == "/v2/":
		f.at = theBase
	case path == "/oauth2/token":
		f.at = theToken
	case path == "/oauth2/exchange":
		f.at = theExchange
	case strings.HasPrefix(path, "/v2/") || strings.HasPrefix(path, "/acr/v1/"):
		f.at = theAPI
		last := path[strings.LastIndexByte(path, '/')+1:]
		for _, mark := range []string{"/manifests/", "/_tags/", "/_manifests/"} {
			if f.target == "" && strings.HasSuffix(path, mark+last) && (acrkit.IsTag(last) || acrkit.IsDigest(last)) {
				f.target = last
			}
		}
	}
}
