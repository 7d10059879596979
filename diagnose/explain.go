package diagnose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// Explain says why an attempt failed. An error is the context's, or has
// [acrkit.CodeUsage] for an attempt that holds nothing to explain; that nothing
// is known is no error, and a diagnosis with [CannotTell].
func Explain(ctx context.Context, a Attempt, opts *Options) (Diagnosis, error) {
	if a.Err == nil && a.Exchange == nil && a.Text == "" {
		return Diagnosis{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "explain a failure", Registry: a.Registry,
			Reason: "there is no error, no exchange and no text of one"}
	}
	x := newExaminer(a, opts)
	d := x.nearest(ctx, x.decide(ctx))
	if err := ctx.Err(); err != nil {
		return Diagnosis{}, err
	}
	return x.finish(ctx, d), nil
}

// examiner is one examination.
type examiner struct {
	*facts
	a        Attempt
	o        Options
	probes   []Probe
	answered int                // how many of them were answered
	silent   bool               // one was not, so no more are made
	giveUp   context.CancelFunc // of the probe that is being made
	unmade   error              // why it was given up
	here     *localServer       // what answers at the loopback address, once it was asked
	readLock bool               // the lock that was found forbids reading alone

	mode      roleMode   // of the registry, once it was asked
	modeShown string     // what shows it
	subject   string     // of the last access token that was asked for; "" = not known
	held      *heldRoles // the identity's roles, once they were asked for
}

func newExaminer(a Attempt, opts *Options) *examiner {
	x := &examiner{a: a, facts: gather(&a), here: new(localServer), held: new(heldRoles)}
	if opts != nil {
		x.o = *opts
	}
	if x.o.Now == nil {
		x.o.Now = time.Now
	}
	if t := a.Transport; t != nil {
		if x.o.Base == nil {
			x.o.Base = t.Base()
		}
		x.o.PlainHTTP = x.o.PlainHTTP || t.URL().Scheme == "http"
	}
	return x
}

// verdict returns a diagnosis of a cause, to which finish adds the rest.
func verdict(c acrkit.Cause, sure Confidence, evidence ...string) Diagnosis {
	return Diagnosis{Code: c, Confidence: sure, Evidence: evidence}
}

// unsure names candidates within a wire class.
func unsure(class acrkit.Cause, candidates []acrkit.Cause, evidence ...string) Diagnosis {
	return Diagnosis{Code: class, Confidence: CannotTell, Evidence: evidence, Candidates: candidates}
}

// unknown returns a diagnosis without a cause or a class.
func unknown(evidence ...string) Diagnosis { return unsure("", nil, evidence...) }

// finish completes a diagnosis: probes, the command, and the rule that a cause
// whose signs are believed is never more than suspected.
func (x *examiner) finish(ctx context.Context, d Diagnosis) Diagnosis {
	c, _ := Lookup(string(d.Code))
	if c.Basis == Believed && d.Confidence == Proved {
		d.Confidence = Suspected
	}
	if c.Class == acrkit.CodeInsufficientScope && c.Code != cause.AskedTooLittle {
		d.Missing = x.missing()
	}
	if e, ok := errors.AsType[*acrkit.Error](x.a.Err); d.Fix == "" && ok && c.Code == cause.WrongUsage {
		d.Fix = e.Hint // only that error knows what is wrong with the input
	}
	if d.Fix == "" {
		d.Fix = x.fix(ctx, c)
	}
	d.Probes = slices.Clone(x.probes)
	return d
}

// decide tries first what the attempt says literally, and last what needs a request.
func (x *examiner) decide(ctx context.Context) Diagnosis {
	for _, look := range []func(context.Context) (Diagnosis, bool){
		x.text, x.clock, x.certificate, x.network, x.named, x.manager, x.entra, x.spoken, x.sent, x.answer,
	} {
		if d, ok := look(ctx); ok {
			return d
		}
	}
	if x.err != nil && x.err.Code == "" && x.status == 0 {
		return verdict(cause.LocalFailure, Proved, cmp.Or(x.reason(), x.err.Error()))
	}
	return unknown("nothing in it shows a cause")
}

// clockSkew is how far a clock may be off before it is named as a cause. Tokens of
// ACR are good 15 minutes before their time (recorded), assertions 5.
const clockSkew = 5 * time.Minute

// clock detects a wrong clock, if the failure depends on the time.
func (x *examiner) clock(context.Context) (Diagnosis, bool) {
	if x.date.IsZero() {
		return Diagnosis{}, false
	}
	off := x.o.Now().Sub(x.date)
	timely := x.refused && x.refusal.Number == assertionEnded ||
		x.claimsKnown && !x.claims.Expires.IsZero() &&
			x.claims.Expires.After(x.date) != x.claims.Expires.After(x.o.Now())
	if off.Abs() <= clockSkew || !timely {
		return Diagnosis{}, false
	}
	return verdict(cause.ClockOff, Proved, skewText(off)), true
}

func skewText(off time.Duration) string {
	word := "ahead of"
	if off < 0 {
		word = "behind"
	}
	return fmt.Sprintf("this machine's clock is %s %s the answer's Date", off.Abs().Round(time.Second), word)
}

// named explains an error of this module that names its cause.
func (x *examiner) named(ctx context.Context) (Diagnosis, bool) {
	if x.err == nil || x.err.Cause == "" {
		return Diagnosis{}, false
	}
	switch c := x.err.Cause; c {
	case cause.NetworkRule:
		return x.networkRule(ctx), true
	case cause.EntraAudienceUnknown:
		return Diagnosis{}, false // entra looks closer
	case cause.RepositoryUnknown, cause.TagUnknown:
		return x.notFound(ctx), true
	default:
		return verdict(c, Proved, x.reason()), true
	}
}

// reason returns the reason of the module's error, in one clause.
func (x *examiner) reason() string {
	if x.err == nil {
		return ""
	}
	return clip(wire.Within(x.err))
}

// maxQuoted is the longest part of a text, in bytes, that a diagnosis quotes.
const maxQuoted = 300

func clip(s string) string { return wording.Clip(strings.Join(strings.Fields(s), " "), maxQuoted) }

// entra explains a refusal of Entra by its AADSTS number.
func (x *examiner) entra(context.Context) (Diagnosis, bool) {
	if !x.refused {
		return Diagnosis{}, false
	}
	c := x.refusal.Cause()
	if c == cause.EntraAudienceUnknown && x.loginServerAsResource() {
		return verdict(cause.ScopeOfLoginServer, Proved, "Entra names a login server as the resource: "+
			x.refusal.Error()), true
	}
	d := verdict(c, Proved, x.refusal.Error())
	if x.refusal.Number == assertionEnded {
		d.Evidence = append(d.Evidence,
			"the assertion has ended: each is good for minutes, and the next sign-in needs a new one")
		d.Fix = sentence.Draft(sentence.SignInWithAssertion, x.blanks())
	}
	return d, true
}

// assertionEnded is AADSTS700024.
const assertionEnded = 700024

// loginServerAsResource reports whether the text of a refusal, or the request,
// names https://….azurecr.io as what a token was asked for.
func (x *examiner) loginServerAsResource() bool {
	if errtext.NamesLoginServer(x.said + " " + x.form.Get("scope") + " " + x.form.Get("resource")) {
		return true
	}
	// A registry that is none of Microsoft's names, an emulator's, say.
	return !x.reg.IsZero() && strings.HasPrefix(x.form.Get("scope"), "https://"+x.reg.Host()+"/")
}

// sent explains what the request itself shows, if it is known.
func (x *examiner) sent(ctx context.Context) (Diagnosis, bool) {
	if host := x.a.Written; strings.HasSuffix(host, ":443") &&
		(x.status == http.StatusNotFound || x.status == http.StatusUnauthorized) {
		return verdict(cause.LoginServerPort, Suspected, fmt.Sprintf("the host is written %q", clip(host))), true
	}
	if x.a.Exchange != nil && x.url != nil && errtext.IsOtherRegistry(x.url.Hostname()) && x.status >= 400 {
		return verdict(cause.OtherRegistry, Proved, "the request went to "+clip(x.url.Hostname())), true
	}
	if !x.requestKnown {
		return Diagnosis{}, false
	}
	// servers in front of the service stop at 8 KiB; about 6 was seen to fail (users' reports)
	const longHeader = 6 << 10
	values, hasScope := x.form["scope"]
	switch {
	case x.length > longHeader &&
		(x.status == http.StatusBadRequest || x.status == http.StatusRequestHeaderFieldsTooLarge):
		d := verdict(cause.HeaderTooLarge, Proved,
			fmt.Sprintf("the Authorization header has %d bytes, and the answer is %d", x.length, x.status))
		if x.status == http.StatusBadRequest { // which says nothing of the header
			d.Confidence = Suspected
		}
		return d, true
	case x.at == theToken && x.status == http.StatusBadRequest && hasScope &&
		strings.TrimSpace(strings.Join(values, "")) == "":
		return verdict(cause.EmptyScope, Proved, "the token request has an empty scope="), true
	case loginfile.ByteOrderMark(x.password) != "" && x.refusedPassword():
		return verdict(cause.PasswordByteOrderMark, Proved, "the password that was sent "+
			loginfile.ByteOrderMark(x.password)), true
	case x.password != "" && x.password != strings.TrimSpace(x.password) && x.refusedPassword(),
		x.user != "" && x.user != strings.TrimSpace(x.user) && x.refusedPassword():
		return verdict(cause.PasswordWhitespace, Proved,
			"the user name or password that was sent begins or ends with white space"), true
	case x.status != http.StatusUnauthorized:
		return Diagnosis{}, false
	case !x.sentSecret && x.at == theToken:
		return x.anonymous(ctx, "the token request carried no user, password or token"), true
	case !x.sentSecret && x.at == theAPI && x.challenge.Error == "":
		return x.anonymous(ctx, "the request carried no Authorization header"), true
	case x.claimsKnown && !x.claims.Expires.IsZero() && !x.date.IsZero() && x.claims.Expires.Before(x.date):
		return verdict(cause.TokenEnded, Proved,
			fmt.Sprintf("the token that was sent ended at %s, and the answer is of %s",
				x.claims.Expires.UTC().Format(time.RFC3339), x.date.UTC().Format(time.RFC3339))), true
	case x.claimsKnown && x.claims.IsACR() && len(x.claims.Audience) == 1 && x.otherRegistry(x.claims.Audience[0]):
		return verdict(cause.WrongRegistryToken, Proved,
			fmt.Sprintf("the token is for %s", clip(x.claims.Audience[0]))), true
	case x.at == theExchange && x.claimsKnown && x.claims.IsResourceManager() && x.saysIt(errtext.SaysTokenInvalid):
		return verdict(cause.ARMAudienceDisabled, Proved,
			"the Entra token is for Azure Resource Manager, and the registry answered: token validation failed"), true
	case x.sentForOtherCloud():
		return x.otherCloud(), true
	case x.at != theExchange && x.claimsKnown && x.claims.IsEntra():
		return verdict(cause.TokenAsPassword, Proved,
			"a token of Entra was sent where the registry takes its own tokens or a password"), true
	case x.at == theToken && x.claimsKnown && x.form.Get("grant_type") != "refresh_token" &&
		x.user != wire.ZeroGUID && x.user != "":
		return verdict(cause.TokenAsPassword, Proved,
			fmt.Sprintf("a token was sent as the password of %q", clip(x.user))), true
	case x.damage != "" && x.at != theExchange:
		return verdict(cause.TokenMalformed, Proved, "the token that was sent is damaged: "+x.damage), true
	case x.basic && strings.HasPrefix(x.a.Exchange.RequestHeader.Get("Authorization"), "Basic ") &&
		(x.at == theAPI || x.at == theBase):
		return x.basicOnAPI(ctx), true
	case x.at == theToken && wire.IsGUID(x.user) && x.user != wire.ZeroGUID && wire.IsGUID(x.password):
		return verdict(cause.SecretIDPasted, Proved,
			"the secret has the form of a GUID, which the value of a client secret never has"), true
	}
	return Diagnosis{}, false
}

// refusedPassword reports whether the answer is one to a wrong name or password. The token
// service answers 500 to some (users' reports).
func (x *examiner) refusedPassword() bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusInternalServerError},
		x.status)
}

func (x *examiner) otherRegistry(audience string) bool {
	of, err := acrkit.ParseRegistry(audience)
	return err == nil && !x.reg.IsZero() && of.LoginServer() != x.reg.LoginServer()
}

// answer explains the answer's status.
func (x *examiner) answer(ctx context.Context) (Diagnosis, bool) {
	code := acrkit.Code("")
	if x.err != nil {
		code = x.err.Code
	}
	switch {
	case x.challenge.Error == wire.ErrInsufficientScope:
		return x.rights(ctx), true
	case code == acrkit.CodeCredentialMissing:
		return x.anonymous(ctx, x.reason()), true
	case x.challenge.Error == wire.ErrInvalidToken:
		return x.invalidToken(ctx), true
	case code == acrkit.CodeCredentialRejected, x.status == http.StatusUnauthorized:
		return x.unauthorized(ctx), true
	case code == acrkit.CodeLocked, x.status == http.StatusMethodNotAllowed &&
		x.serviceCode("REGISTRY_DISALLOWED_OPERATION"):
		return x.locked(ctx), true
	case x.status == http.StatusForbidden:
		return x.forbidden(ctx), true
	case code == acrkit.CodeThrottled, x.status == http.StatusTooManyRequests:
		return verdict(cause.Throttled, Proved, cmp.Or(x.reason(), "the answer is 429")), true
	case code == acrkit.CodeNotFound, x.status == http.StatusNotFound:
		return x.notFound(ctx), true
	case x.serviceCode("CONTENT_LENGTH_INVALID"), x.serviceCode("SIZE_INVALID"),
		x.status == http.StatusRequestedRangeNotSatisfiable,
		x.status == http.StatusRequestEntityTooLarge && x.url != nil && strings.Contains(x.url.Path, "/blobs/uploads"):
		return verdict(cause.UploadPartRefused, Proved,
			fmt.Sprintf("the answer to a part of an upload is %d", x.status)), true
	case x.status == http.StatusRequestEntityTooLarge:
		return verdict(cause.TooLarge, Proved, "the answer is 413"), true
	case x.status >= 500:
		if x.at == theToken && x.status == http.StatusInternalServerError {
			return unsure(cause.Unavailable, []acrkit.Cause{cause.PasswordWhitespace, cause.Unavailable},
				"the token service answered 500, which white space around a password does, and a failure of the "+
					"service"), true
		}
		return verdict(cause.Unavailable, Proved, fmt.Sprintf("the answer is %d", x.status)), true
	case x.a.Exchange != nil && (x.at == theBase || x.at == theToken) && x.status != http.StatusBadRequest &&
		x.status >= 300:
		return verdict(cause.NotARegistry, Suspected, fmt.Sprintf("the answer to %s is %d", x.method, x.status)), true
	case x.a.Exchange != nil && x.at == theBase && x.status == http.StatusOK &&
		x.a.Exchange.Header.Get("Docker-Distribution-Api-Version") == "":
		return verdict(cause.NotARegistry, Proved,
			"the answer to GET /v2/ is 200 without Docker-Distribution-Api-Version"), true
	case x.a.Exchange != nil && x.status == http.StatusTemporaryRedirect:
		return x.redirected(ctx), true
	case code != "":
		// An error of the library itself: a limit, a wrong input, a broken answer.
		return verdict(code.Cause(), Proved, x.reason()), true
	case x.status >= 400:
		return verdict(cause.WrongUsage, Suspected, fmt.Sprintf("the answer is %d", x.status)), true
	}
	return Diagnosis{}, false
}

// anonymous explains a request without a credential that needs one.
func (x *examiner) anonymous(_ context.Context, evidence string) Diagnosis {
	if x.a.Exchange != nil || x.a.Text != "" && x.err == nil {
		for _, l := range x.a.Lookups {
			if l.Kind == auth.KindDockerConfig && l.Outcome == auth.OutcomeUsed {
				return Diagnosis{Code: cause.StoreIgnored, Confidence: Suspected,
					Candidates: []acrkit.Cause{cause.StoreIgnored, cause.SilentlyAnonymous},
					Evidence:   []string{evidence, "there is a credential for the registry in " + l.Source}}
			}
		}
		return verdict(cause.SilentlyAnonymous, Proved, evidence)
	}
	if x.a.Transport != nil && len(x.a.Lookups) == 0 && x.a.Transport.Credential().Kind() == auth.KindAnonymous {
		return verdict(cause.AnonymousPullOff, Proved, evidence, "the request was anonymous")
	}
	return verdict(cause.NoCredential, Proved, evidence)
}

func (x *examiner) invalidToken(ctx context.Context) Diagnosis {
	if d, ok := x.ended(ctx); ok {
		return d
	}
	return unsure(cause.CredentialRejected, []acrkit.Cause{cause.TokenEnded, cause.TokenAsPassword,
		cause.WrongRegistryToken, cause.TokenDisabled},
		"the registry does not accept the access token (invalid_token)")
}

// ended detects a refresh token of the transport that has expired by its own exp.
func (x *examiner) ended(ctx context.Context) (Diagnosis, bool) {
	if x.a.Transport == nil {
		return Diagnosis{}, false
	}
	s := x.a.Transport.Status(x.required)
	if s.RefreshTokenExpires.IsZero() {
		return Diagnosis{}, false
	}
	now := x.date
	if now.IsZero() {
		now = x.dateOf(ctx)
	}
	by := "the registry's Date"
	if now.IsZero() {
		now, by = x.o.Now(), "this machine's clock"
	}
	if s.RefreshTokenExpires.After(now) {
		return Diagnosis{}, false
	}
	d := verdict(cause.TokenEnded, Proved, fmt.Sprintf("the ACR refresh token ended at %s, by its own exp and %s",
		s.RefreshTokenExpires.UTC().Format(time.RFC3339), by))
	if by != "the registry's Date" {
		d.Confidence = Suspected
	}
	return d, true
}

func (x *examiner) forbidden(ctx context.Context) Diagnosis {
	if d, ok := armRefused(x.said); ok {
		return d
	}
	switch wire.Forbidden(x.said) {
	case cause.NetworkRule:
		return x.networkRule(ctx)
	case cause.NoRole:
		return verdict(cause.NoRole, Proved, "the registry answered 403: retrieving permissions failed")
	}
	if x.at == theBase || x.at == theAPI {
		return x.networkRule(ctx)
	}
	return unsure(cause.Denied, []acrkit.Cause{cause.NetworkRule, cause.NoRole}, "the answer is 403 and names no rule")
}

// ours finds the *acrkit.Error in err's tree.
func ours(err error, into **acrkit.Error) bool { return errors.As(err, into) }
