package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// githubSource asks GitHub for the OIDC token of the current job.
type githubSource struct {
	describedSource
	url, audience string
	token         Secret
}

// GitHubOIDC is the OIDC token of a GitHub Actions job, as the assertion of a
// [FederatedServicePrincipal]. requestURL and requestToken are the job's
// variables ACTIONS_ID_TOKEN_REQUEST_URL, which must be https, and
// ACTIONS_ID_TOKEN_REQUEST_TOKEN; a job has them with the permission
// id-token: write. The audience "" is the one that Entra documents for the
// registry's cloud, api://AzureADTokenExchange in the public one.
//
// The token is asked for again with each request to Entra, since it lives for
// minutes.
func GitHubOIDC(requestURL, requestToken, audience string) SecretSource {
	return &githubSource{sourceText("GitHub Actions"), requestURL, audience, redact.NewSecret(requestToken)}
}

func (s *githubSource) costly() bool { return true }

func (s *githubSource) read(ctx context.Context, t *Transport) (Secret, error) {
	e := &acrkit.Error{Op: "get the OIDC token of the GitHub Actions job", Code: acrkit.CodeUsage}
	u, err := url.Parse(s.url)
	switch {
	case s.url == "" && s.token.IsZero():
		e.Code = acrkit.CodeCredentialMissing
		e.Reason = "this is not a job with the permission id-token: write"
		return Secret{}, wire.Final(e)
	case s.url == "" || s.token.IsZero():
		e.Reason = "one of ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN is missing"
		return Secret{}, wire.Final(e)
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		e.Reason = "ACTIONS_ID_TOKEN_REQUEST_URL is not a usable URL"
		return Secret{}, wire.Final(e)
	case u.Scheme != "https":
		e.Code, e.Reason = acrkit.CodeHostRefused,
			"ACTIONS_ID_TOKEN_REQUEST_URL is not https, and its token goes nowhere else"
		return Secret{}, wire.Final(e)
	}
	if err := checkSecret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", s.token.Reveal()); err != nil {
		return Secret{}, err
	}
	audience := s.audience
	if audience == "" {
		audience = wire.CloudOf(t.registry).Exchange
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		e.Reason = "ACTIONS_ID_TOKEN_REQUEST_URL is not a usable URL"
		return Secret{}, wire.Final(e)
	}
	req.Header.Set("Authorization", "Bearer "+s.token.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "acrkit")
	// Not through an http.Client: redirects are not followed.
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return Secret{}, ctx.Err()
		}
		return Secret{}, wire.NetworkError(err, e.Op, acrkit.Registry{}, u.Host)
	}
	defer func() { _ = resp.Body.Close() }()
	e.Method, e.URL, e.Status = http.MethodGet, redact.URL(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}),
		resp.StatusCode
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
	case status == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, wire.Throttled(resp.Header)
		return Secret{}, e
	case status == http.StatusRequestTimeout || status >= 500:
		e.Code, e.Reason = acrkit.CodeUnavailable, "GitHub failed"
		return Secret{}, e
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Code, e.Reason = acrkit.CodeCredentialRejected,
			"GitHub does not accept the job's request token; it ends with the job"
		return Secret{}, wire.Final(e)
	default:
		e.Code, e.Reason = acrkit.CodeProtocol, "the address answers, but not as GitHub does"
		return Secret{}, wire.Final(e)
	}
	data, err := tokenAnswer.ReadAll(resp.Body)
	if err != nil {
		if errors.Is(err, acrkit.CodeTooLarge) {
			e.Code, e.Reason = acrkit.CodeTooLarge, "GitHub's answer is too large"
			return Secret{}, e
		}
		return Secret{}, wire.NetworkError(err, e.Op, acrkit.Registry{}, u.Host)
	}
	value, _, why := readTokenAnswer(data, "value")
	if why != "" {
		e.Code, e.Reason = acrkit.CodeProtocol, "GitHub's answer "+why
		return Secret{}, wire.Final(e)
	}
	return redact.NewSecret(value), nil
}
