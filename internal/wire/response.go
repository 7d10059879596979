package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// errorBody bounds the body of a refusal. A real one has some hundred bytes; one
// that names every right of a large batch has a few thousand.
var errorBody = limit.Limit{Name: "the body of a refusal", Bytes: 64 << 10}

// maxMessage is the longest text of a server that a message repeats, in bytes.
const maxMessage = 512

// CorrelationHeader is the response header with the service's correlation id.
const CorrelationHeader = "X-Ms-Correlation-Request-Id"

// Attempt describes an operation, for the error of its failure.
type Attempt struct {
	Op       string // after "cannot"
	Registry acrkit.Registry
	// Transport may have methods that return the token's rights and credential (as
	// auth.Transport has); nil is allowed.
	Transport http.RoundTripper
	// Secrets are values that the text of an answer must not show.
	Secrets []redact.Secret
}

// witness is a transport that knows the credential and rights of a request's token.
type witness interface {
	Granted(required acrkit.Scope) *acrkit.Scope
	Describe() string
	Anonymous() bool
}

// who describes the credential, for use after "the".
func (a Attempt) who() string {
	w, ok := a.Transport.(witness)
	switch {
	case !ok:
		return "credential"
	case w.Anonymous():
		return "request without a credential"
	}
	return w.Describe()
}

// Refused returns the error for an answer of a registry's data plane that is no success:
// code, reason, the required and granted rights, and the service's own errors as causes.
// It reads and closes the body.
func (a Attempt) Refused(resp *http.Response) *acrkit.Error {
	e := Evidence(resp, a.Op, a.Registry, a.Secrets...)
	said := serviceErrors(resp, e, a.Secrets, true)
	challenge, asked, err := BearerChallenge(resp.Header)
	if err != nil {
		e.Errs = append(e.Errs, err)
	}
	e.Required = challenge.Scope
	if !asked && resp.StatusCode == http.StatusUnauthorized {
		e.Required = requiredFromDetail(e.Errs)
	}
	switch status := resp.StatusCode; {
	case challenge.Error == ErrInsufficientScope &&
		(status == http.StatusUnauthorized || status == http.StatusForbidden):
		e.Code = acrkit.CodeInsufficientScope
		if w, ok := a.Transport.(witness); ok {
			e.Granted = w.Granted(e.Required)
		}
		e.Reason, e.Hint = missing(a.who(), a.Op, e.Required, e.Granted)
	case status == http.StatusUnauthorized:
		e.Code = acrkit.CodeCredentialRejected
		e.Reason, _ = sentence.Say(sentence.AccessNotAccepted, map[string]string{"who": a.who()})
		if challenge.Error == "" && a.who() == "credential" {
			e.Reason = "the registry requires a credential, or did not accept the one it was given"
		}
	case status == http.StatusForbidden:
		e.Code, e.Cause = acrkit.CodeDenied, Forbidden(said)
		e.Reason = "the registry forbids it" + said
	case status == http.StatusNotFound:
		e.Code, e.Cause = acrkit.CodeNotFound, unknown(e.Errs)
		e.Reason = notFound(resp.Request, e.Cause, said)
	case status == http.StatusMethodNotAllowed && hasCode(e.Errs, "REGISTRY_DISALLOWED_OPERATION"):
		e.Code = acrkit.CodeLocked
		e.Reason = "the registry disallows the operation; a lock on the item does that"
	case status == http.StatusTooManyRequests:
		e.Code = acrkit.CodeThrottled
		e.Reason = Throttled(resp.Header)
	case status == http.StatusRequestEntityTooLarge:
		e.Code = acrkit.CodeTooLarge
		e.Reason = "too large for the registry" + said
	case status == http.StatusRequestTimeout || status >= 500:
		e.Code = acrkit.CodeUnavailable
		e.Reason = "the registry failed" + said
	case status == http.StatusBadRequest || status == http.StatusMethodNotAllowed:
		e.Code = acrkit.CodeUsage
		e.Reason = "the registry does not accept the request" + said
	default:
		e.Code = acrkit.CodeProtocol
		e.Reason = fmt.Sprintf("the registry gave the unexpected answer %d%s", status, said)
	}
	return e
}

// Forbidden returns the cause that the text of a 403 names, or "" where it names
// none. Source: texts that Microsoft documents and users have pasted.
func Forbidden(said string) acrkit.Cause {
	switch {
	case strings.Contains(said, "is not allowed access"):
		return cause.NetworkRule
	case strings.Contains(said, "retrieving permissions failed"):
		return cause.NoRole
	}
	return ""
}

// unknown returns the cause for the codes of a 404 (recorded). A manifest whose type the
// request does not accept has the code of a missing one, and another text (reported by
// users).
func unknown(causes []error) acrkit.Cause {
	for _, c := range causes {
		s, _ := errors.AsType[acrkit.ServiceError](c)
		if strings.Contains(s.Message, "but accept header does not support") {
			//rule:accept-unknown
			return cause.AcceptLacksType
		}
		switch s.Code {
		case "NAME_UNKNOWN":
			return cause.RepositoryUnknown
		case "TAG_UNKNOWN", "MANIFEST_UNKNOWN":
			return cause.TagUnknown
		case "BLOB_UNKNOWN":
			return cause.BlobUnknown
		}
	}
	return ""
}

// Evidence returns an error with the evidence of an answer, without a code. It holds none
// of the secrets.
func Evidence(resp *http.Response, op string, reg acrkit.Registry, secrets ...redact.Secret) *acrkit.Error {
	e := &acrkit.Error{Op: op, Registry: reg, Status: resp.StatusCode, RequestID: RequestID(resp.Header, secrets...),
		//rule:client-limits-evidence
		RetryAfter: min(RetryAfter(resp.Header), MaxRetryAfter)}
	if resp.Request != nil {
		e.Method, e.URL = resp.Request.Method, redact.URL(resp.Request.URL)
	}
	return e
}

// RequestID returns the service's correlation id, or "" if the header has any other form:
// the id is shown in messages, and a server may return text of the request there.
func RequestID(h http.Header, secrets ...redact.Secret) string {
	id := redact.Text(h.Get(CorrelationHeader), secrets...)
	if !requestID.MatchString(id) {
		return ""
	}
	return id
}

// requestID is a GUID, as ACR's are (recorded), with room for other services'.
var requestID = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// TokenServiceSaid reads the errors that a token service's refusal holds into
// e's causes and returns their text, with "; the registry answered: " before it.
// Only codes and messages are taken, and the given secrets removed from them:
// the body of a token service may hold anything. It closes the body.
func TokenServiceSaid(resp *http.Response, e *acrkit.Error, secrets []redact.Secret) string {
	return serviceErrors(resp, e, secrets, false)
}

func serviceErrors(resp *http.Response, e *acrkit.Error, secrets []redact.Secret, withDetail bool) string {
	if resp.Body == nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := errorBody.ReadAll(resp.Body)
	if err != nil {
		e.Errs = append(e.Errs, err)
		return ""
	}
	var said []string
	for _, s := range ReadServiceErrors(body) {
		s.Code = clip(redact.Text(s.Code, secrets...), 64)
		//rule:d9-service-errors
		s.Message = clip(redact.Text(s.Message, secrets...), maxMessage)
		if !withDetail {
			s.Detail = nil
		}
		e.Errs = append(e.Errs, s)
		if strings.HasPrefix(s.Message, "authentication required") {
			continue // the service says it for every cause
		}
		if s.Message != "" {
			said = append(said, s.Message)
		} else if s.Code != "" {
			said = append(said, s.Code)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "; the registry answered: " + clip(strings.Join(said, "; "), maxMessage)
}

// ReadServiceErrors reads the error list of a registry's answer:
// {"errors":[{"code","message","detail"}]} (OCI distribution specification 1.1, "Error
// Codes"). It returns nil if there is none; an element that cannot be read is left out.
func ReadServiceErrors(body []byte) []acrkit.ServiceError {
	var doc struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	var out []acrkit.ServiceError
	for _, raw := range doc.Errors {
		var s acrkit.ServiceError
		if json.Unmarshal(raw, &s) == nil && (s.Code != "" || s.Message != "") {
			out = append(out, s)
		}
	}
	return out
}

func hasCode(causes []error, code string) bool {
	for _, c := range causes {
		if s, ok := errors.AsType[acrkit.ServiceError](c); ok && s.Code == code {
			return true
		}
	}
	return false
}

// requiredFromDetail reads the rights that ACR lists in the detail of a 401, one
// element for each action (recorded), for answers whose header was lost.
func requiredFromDetail(causes []error) acrkit.Scope {
	var items []acrkit.Access
	for _, c := range causes {
		s, ok := errors.AsType[acrkit.ServiceError](c)
		if !ok || s.Code != "UNAUTHORIZED" {
			continue
		}
		var detail []struct{ Type, Name, Action string }
		if json.Unmarshal(s.Detail, &detail) != nil {
			continue
		}
		for _, d := range detail {
			if d.Type != "" && d.Name != "" && d.Action != "" {
				items = append(items, acrkit.Access{Type: d.Type, Name: d.Name, Actions: []string{d.Action}})
			}
		}
	}
	return acrkit.NewScope(items...)
}

// notFound returns the reason of a 404 by the cause of its error code.
func notFound(req *http.Request, c acrkit.Cause, said string) string {
	if req == nil || req.URL == nil {
		return "not found" + said
	}
	key := sentence.NotFound
	switch c {
	case cause.RepositoryUnknown:
		key = sentence.NoRepository
	case cause.TagUnknown:
		key = sentence.NoManifest
	case cause.BlobUnknown:
		key = sentence.NoBlob
	}
	repository := operation.RequiredFor(req.Method, req.URL).Repository
	if repository == "" {
		key = sentence.NotFound
	}
	reference := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	text, _ := sentence.Say(key, map[string]string{"registry": "the registry", "repository": repository,
		"reference": clip(redact.Text(reference), maxMessage), "path": clip(redact.Text(req.URL.Path), maxMessage)})
	if key == sentence.NotFound {
		text += said
	}
	return text
}

// missing returns reason and hint for a refusal because of a missing right, by the
// required and granted scopes. Names that are in op are not repeated.
func missing(who, op string, required acrkit.Scope, granted *acrkit.Scope) (reason, hint string) {
	facts := map[string]string{"who": who, "right": actions(required, op)}
	key := sentence.MissingAction
	switch {
	case required.IsEmpty():
		key = sentence.MissingUnnamed
	case required.Equal(acrkit.CatalogScope()):
		return sentence.Say(sentence.Catalog, facts)
	case granted == nil:
		if several(required) {
			key = sentence.MissingActions
		}
	default:
		lacks, has := required.Minus(*granted), onSameResources(required, *granted)
		switch {
		case lacks.IsEmpty():
			key = sentence.Held
		case !has.IsEmpty(): // otherwise it is not known whether it has other rights there
			key = sentence.MissingSome
			hasOp := op
			if sameResource(lacks, has) {
				hasOp = ""
			}
			facts["has"], facts["right"] = actions(has, hasOp), actions(lacks, op)
		}
	}
	reason, _ = sentence.Say(key, facts) // what fixes it depends on the kind of credential, which is not known here
	return reason, ""
}

func onSameResources(required, granted acrkit.Scope) acrkit.Scope {
	var items []acrkit.Access
	for g := range granted.All() {
		for r := range required.All() {
			if g.Type == r.Type && g.Name == r.Name {
				items = append(items, g)
			}
		}
	}
	return acrkit.NewScope(items...)
}

// several reports whether a scope holds more than one action.
func several(s acrkit.Scope) bool {
	n := 0
	for a := range s.All() {
		n += len(a.Actions)
	}
	return n > 1
}

func sameResource(a, b acrkit.Scope) bool {
	names := map[string]bool{}
	for x := range a.All() {
		names[x.Type+":"+x.Name] = true
	}
	for x := range b.All() {
		names[x.Type+":"+x.Name] = true
	}
	return len(names) == 1
}

// actions lists a scope's rights by their scope-map names, with their resources where op
// does not name them.
func actions(s acrkit.Scope, op string) string {
	var parts []string
	for a := range s.All() {
		words := make([]string, 0, len(a.Actions))
		for _, w := range a.Actions {
			if action, err := acrkit.ParseAction(w); err == nil {
				w = action.String()
			}
			words = append(words, w)
		}
		part := strings.Join(words, ", ")
		if op != "" && !strings.Contains(op, a.Name) {
			part += fmt.Sprintf(" on %q", a.Name)
		}
		parts = append(parts, clip(part, maxMessage))
		if len(parts) == 4 {
			parts = append(parts, "…")
			break
		}
	}
	return strings.Join(parts, " and ")
}

// MaxRetryAfter is the longest wait in an error. ACR counts down from at most a minute
// (documented); a header with a wrong date must not make a caller wait for years.
//
//rule:client-limits-max-retry-after
const MaxRetryAfter = time.Hour

// RetryAfter reads the Retry-After header, seconds or a date (RFC 9110
// §10.2.3); a date counts from the answer's own Date. Zero means none.
func RetryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil || !at.After(now) {
		return 0
	}
	return at.Sub(now)
}

func wait(h http.Header) string {
	if d := RetryAfter(h); d > 0 {
		return fmt.Sprintf("; the service asks to wait %s", d)
	}
	return ""
}

// Throttled returns the reason of a 429.
func Throttled(h http.Header) string { return "too many requests" + wait(h) }

// clip shortens text of a server, which [redact.Text] has made one line, for a message.
func clip(s string, most int) string {
	return wording.Clip(strings.TrimSpace(s), most)
}
