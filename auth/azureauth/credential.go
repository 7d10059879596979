package azureauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/internal/entra"
	"github.com/acrkit/acrkit/internal/wire"
)

// Options configures [Credential] and [TokenSource]. Nil is the zero value, which may be used.
type Options struct {
	// TenantID is the tenant to ask for tokens; "" leaves it to the credential. A
	// credential of azidentity must list tenants other than its own in
	// AdditionallyAllowedTenants.
	TenantID string
}

// Credential returns a credential for package auth that gets its Entra tokens from
// tc: any credential of azidentity, or another azcore.TokenCredential. tc keeps its
// own cache and must be safe for concurrent use, as azidentity's are.
//
// A failure of tc becomes an [*acrkit.Error], with an [auth.EntraRefusal] among its
// causes where Entra answered with one of its AADSTS numbers. It holds no part of the
// request or the response, as azidentity's own error does.
func Credential(tc azcore.TokenCredential, opts *Options) auth.Credential {
	return auth.Entra(TokenSource(tc, opts))
}

// TokenSource is the same identity as a source of Entra tokens for other audiences than
// the registry's, with the errors of [Credential].
func TokenSource(tc azcore.TokenCredential, opts *Options) auth.EntraTokenSource {
	s := source{tc: tc}
	if opts != nil {
		s.opts = *opts
	}
	return s
}

type source struct {
	tc   azcore.TokenCredential
	opts Options
}

// String describes the credential by its type: azidentity's credentials do not show
// their identity.
func (s source) String() string {
	if s.tc == nil {
		return "Entra identity"
	}
	return "Entra identity (" + strings.TrimPrefix(fmt.Sprintf("%T", s.tc), "*") + ")"
}

// EntraToken implements [auth.EntraTokenSource].
func (s source) EntraToken(ctx context.Context, scope string) (string, time.Time, error) {
	if s.tc == nil {
		return "", time.Time{}, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "get an Entra token",
			Reason: "the token credential is nil"}
	}
	// azidentity waits for its lock without checking the context.
	if err := ctx.Err(); err != nil {
		return "", time.Time{}, err
	}
	t, err := s.tc.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, TenantID: s.opts.TenantID})
	if err != nil {
		return "", time.Time{}, entraError(ctx, err)
	}
	if t.Token == "" {
		return "", time.Time{}, &acrkit.Error{Code: acrkit.CodeProtocol, Op: "get an Entra token",
			Reason: "the credential returned an empty token without an error"}
	}
	return t.Token, t.ExpiresOn, nil
}

// entraError returns the error for a token credential's failure. It does not keep err,
// which may hold the response, its request, and so the secret.
func entraError(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		return e
	}
	e := &acrkit.Error{Op: "get an Entra token"}
	failed, isFailed := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !isFailed {
		if _, ok := errors.AsType[interface {
			error
			NonRetriable()
		}](err); ok {
			// azidentity's error for a credential that is not available. Its type is not
			// exported.
			e.Code = acrkit.CodeCredentialMissing
			e.Reason = firstLine(err.Error())
			return e
		}
		e.Code = codeByText(err.Error())
		e.Reason = firstLine(err.Error())
		return e
	}
	if failed.RawResponse == nil {
		text := failed.Error()
		e.Code = codeByText(text)
		e.Reason = firstLine(text)
		if refusal, ok := auth.ReadEntraRefusal(text); ok {
			refusedBy(e, refusal)
			e.RequestID = refusal.CorrelationID
		}
		return e
	}

	resp := failed.RawResponse
	e.Status = resp.StatusCode
	if r := resp.Request; r != nil && r.URL != nil {
		e.Method = r.Method
		e.URL = r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()
	}
	refusal := readEntraAnswer(resp)
	e.RequestID = refusal.CorrelationID
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, "Entra asks to slow down"
		//rule:client-limits-entra-error
		e.RetryAfter = min(wire.RetryAfter(resp.Header), wire.MaxRetryAfter)
	case resp.StatusCode >= 500:
		e.Code, e.Reason = acrkit.CodeUnavailable, "Entra is not available"
		//rule:client-limits-entra-error-2
		e.RetryAfter = min(wire.RetryAfter(resp.Header), wire.MaxRetryAfter)
	case refusal.Number != 0:
		refusedBy(e, refusal)
	default:
		e.Code, e.Reason = acrkit.CodeCredentialRejected, "Entra did not accept the credential"
		if refusal.OAuthError != "" {
			e.Reason += " (" + refusal.OAuthError + ")"
			e.Errs = []error{refusal}
		}
	}
	return e
}

// refusedBy completes e with what is known of a refusal.
func refusedBy(e *acrkit.Error, refusal auth.EntraRefusal) {
	e.Code, e.Reason, e.Errs = acrkit.CodeCredentialRejected, refusal.Error(), []error{refusal}
	e.Cause, e.Hint = refusal.Cause(), entra.Refusal(refusal).Fix()
}

// readEntraAnswer returns what may be shown of Entra's answer. Free text is left out: it
// quotes what was sent.
func readEntraAnswer(resp *http.Response) auth.EntraRefusal {
	body, err := runtime.Payload(resp) // which azcore has read and keeps
	if err != nil {
		return auth.EntraRefusal{}
	}
	return auth.EntraRefusal(entra.ReadBody(body))
}

// codeByText distinguishes a network failure from a refusal where azidentity kept only
// text.
func codeByText(text string) acrkit.Code {
	for _, s := range []string{"x509:", "tls:", "certificate"} {
		if strings.Contains(text, s) {
			return acrkit.CodeTLS
		}
	}
	for _, s := range []string{"dial tcp", "no such host", "connection refused", "connection reset", "i/o timeout",
		"deadline exceeded", "Client.Timeout", "EOF", "proxyconnect"} {
		if strings.Contains(text, s) {
			return acrkit.CodeUnavailable
		}
	}
	return acrkit.CodeCredentialRejected
}

// firstLine returns the first line of azidentity's messages, which have many.
func firstLine(s string) string {
	const limit = 300
	// MSAL puts the cause on a second line.
	s = strings.Replace(strings.TrimSpace(s), "server response error:\n ", "", 1)
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return s
}
