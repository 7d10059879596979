package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// tokenAnswer bounds the answer of a token endpoint: the longest token, escaped, with
// the other fields.
var tokenAnswer = limit.Limit{Name: "the answer of a token endpoint", Bytes: 4 * wire.MaxToken}

// answered is the token of an endpoint's answer with its claims and its life.
type answered struct {
	token    Secret
	claims   wire.Claims
	life     life
	received time.Time
}

// post sends a token request and reads the token in the named field. Redirects
// are never followed and the body goes nowhere else: the request does not pass
// through an http.Client.
//
// reg is the registry that errors name; zero for Entra's endpoints. refused returns the
// error for an answer that is no success; it gets the evidence and must not keep the
// response. While the endpoint's host has asked to wait, its last error is returned and
// nothing is sent.
func (t *Transport) post(ctx context.Context, reg acrkit.Registry, endpoint, op string, form url.Values, field string,
	refused func(*http.Response, *acrkit.Error) error) (answered, error) {
	body := form.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return answered{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Registry: reg,
			Reason: "the address of the token endpoint is malformed"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "acrkit")
	// A token request may be sent twice. An empty list says so to net/http and is not
	// sent: if the server closed a kept-alive connection, net/http then uses another one
	// to the same address.
	req.Header["Idempotency-Key"] = []string{}

	start := t.now()
	if err := t.pauses.begun(req.URL.Host, start); err != nil {
		return answered{}, err
	}
	//rule:look-alikes-post
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return answered{}, ctx.Err()
		}
		e := wire.NetworkError(err, op, reg, req.URL.Host)
		//rule:proxy-variables-post
		if reg.IsZero() && e.Cause != cause.ProxyUnreachable && e.Cause != cause.ProxyMalformed {
			e.Cause = cause.EntraUnreachable
		}
		return answered{}, wire.Final(e)
	}
	defer func() { _ = resp.Body.Close() }()
	t.log.DebugContext(ctx, "token request", "url", redact.URL(req.URL), "grant_type", form.Get("grant_type"), "scope",
		form.Get("scope"),
		"status", resp.StatusCode, "took", t.now().Sub(start))
	resp.Request = nil // it holds the secret
	evidence := wire.Evidence(resp, op, reg, secretsOf(form)...)
	evidence.Method, evidence.URL = http.MethodPost, redact.URL(req.URL)
	if resp.StatusCode != http.StatusOK {
		err := refused(resp, evidence)
		t.pauses.begin(req.URL.Host, t.now(), err)
		return answered{}, err
	}
	received := t.now()
	data, err := tokenAnswer.ReadAll(resp.Body)
	if err != nil {
		if errors.Is(err, acrkit.CodeTooLarge) {
			evidence.Code, evidence.Errs, evidence.Reason = acrkit.CodeTooLarge, []error{err},
				"the answer of the token endpoint is too large"
			return answered{}, evidence
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return answered{}, ctx.Err()
		}
		return answered{}, wire.NetworkError(err, op, reg, req.URL.Host)
	}
	value, expiresIn, why := readTokenAnswer(data, field)
	if why != "" {
		evidence.Code, evidence.Reason = acrkit.CodeProtocol, "the answer of the token endpoint "+why
		return answered{}, wire.Final(evidence)
	}
	a := answered{token: redact.NewSecret(value), received: received}
	a.claims, _ = wire.ReadClaims(value) // optional: a token is opaque
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	a.life = newLife(received, a.claims.Expires, date, expiresIn)
	return a, nil
}

// shownFields are the fields of a token request that hold no secret.
var shownFields = []string{"grant_type", "service", "scope", "username", "client_id", "client_assertion_type", "tenant"}

// secretsOf returns the values of all other fields.
func secretsOf(form url.Values) []Secret {
	var secrets []Secret
	for name, values := range form {
		if slices.Contains(shownFields, name) {
			continue
		}
		for _, v := range values {
			secrets = append(secrets, redact.NewSecret(v))
		}
	}
	return secrets
}

// readTokenAnswer reads the token in the named field of a token endpoint's
// answer, and expires_in if it is given (ACR gives only the token). why says what is
// wrong, without any of the answer.
func readTokenAnswer(data []byte, field string) (token string, expiresIn time.Duration, why string) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", 0, "is not a JSON object"
	}
	if raw, ok := doc[field]; ok {
		if json.Unmarshal(raw, &token) != nil {
			return "", 0, "holds no text as " + field
		}
	}
	switch {
	//rule:d11-read-token-answer
	case token == "":
		return "", 0, "holds no " + field
	case len(token) > wire.MaxToken:
		return "", 0, fmt.Sprintf("holds a token of more than %d bytes", wire.MaxToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", 0, "holds a token with characters that no header may have"
	}
	// A number, or a number in a string as some endpoints have it.
	text := string(bytes.Trim(doc["expires_in"], `"`))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		expiresIn = time.Duration(n) * time.Second
	}
	return token, expiresIn, ""
}

// refusedByRegistry returns the function that makes the error for a refusal of one of the
// registry's token endpoints. rejected completes it for a 401.
func (t *Transport) refusedByRegistry(secrets []Secret,
	rejected func(e *acrkit.Error, said string)) func(*http.Response, *acrkit.Error) error {
	return func(resp *http.Response, e *acrkit.Error) error {
		said := wire.TokenServiceSaid(resp, e, secrets)
		switch status := resp.StatusCode; {
		case status >= 300 && status < 400:
			e.Code = acrkit.CodeProtocol
			e.Reason = "the token endpoint answers with a redirect, which a token request never follows"
		case status == http.StatusUnauthorized:
			e.Code = acrkit.CodeCredentialRejected
			rejected(e, said)
		case status == http.StatusForbidden:
			e.Code, e.Cause = acrkit.CodeDenied, wire.Forbidden(said)
			e.Reason = "the registry forbids it" + said
			if strings.Contains(said, "is not allowed access") {
				e.Hint = sentence.Fix(sentence.SeeFirewall, nil)
			}
		case status == http.StatusTooManyRequests:
			e.Code = acrkit.CodeThrottled
			e.Reason = wire.Throttled(resp.Header)
		case status == http.StatusRequestTimeout || status >= 500:
			e.Code = acrkit.CodeUnavailable
			e.Reason = "the token service failed" + said
		case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
			e.Code, e.Cause = acrkit.CodeProtocol, cause.NotARegistry
			e.Reason = "there is no token service at that address; is it a container registry of Azure?"
		default:
			e.Code = acrkit.CodeProtocol
			e.Reason = "the token service does not accept the request" + said
		}
		return wire.Final(e)
	}
}
