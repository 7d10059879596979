package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// SecretSource gives a secret when it is needed: the password of a
// [ScopedTokenSource], or the assertion of a [FederatedServicePrincipal]. Values
// are made by [SecretFile], [SecretFunc] and [GitHubOIDC], and are safe for
// concurrent use.
type SecretSource interface {
	// String describes the source without its secret: `file "/run/secrets/acr"`.
	String() string

	// read returns the secret as it is now.
	read(ctx context.Context, t *Transport) (Secret, error)
	// costly reports whether its password should be kept until it is refused, because
	// reading it calls another program or service.
	costly() bool
}

// describedSource is the printable text of a source, as description is for credentials.
type describedSource struct{ description }

func sourceText(text string) describedSource { return describedSource{description{text: text}} }

// fixedSecret is a secret that was given once and for all.
type fixedSecret struct {
	describedSource
	value Secret
}

func fixed(value string) SecretSource { return fixedAs(redact.NewSecret(value)) }

func fixedAs(value Secret) SecretSource { return &fixedSecret{sourceText("given value"), value} }

func (s *fixedSecret) read(context.Context, *Transport) (Secret, error) { return s.value, nil }
func (s *fixedSecret) costly() bool                                     { return false }

// fileSource is a file that holds a secret and nothing else.
type fileSource struct {
	describedSource
	name string

	mu   sync.Mutex
	good Secret // the last one read
	held bool   // the file was a pipe, and good is its whole content
}

// secretFile bounds a file with a secret; anything larger is another file.
var secretFile = limit.Limit{Name: "a file with a secret", Bytes: 64 << 10}

// A file may be read after a writer empties it and before it is full again. If it held a
// secret before, it is read again this often.
const (
	settleTries = 10
	settlePause = 20 * time.Millisecond
)

// SecretFile is a file that holds the secret and nothing else, of at most 64 KiB.
// One line feed (or CR LF) is taken off its end; other white space around the
// secret is an error.
//
// The file is read for each token request, and so after each refusal; new content is
// used from then on. A file that is replaced by renaming
// is never seen half written. One that is written in place may be: it is read
// again a few times, for at most 200 ms, and while it stays empty or missing the
// last secret is used. A pipe is read once.
//
// A missing file is an error with [acrkit.CodeCredentialMissing], so that a [Chain] tries
// its next credential; an empty, malformed or unreadable one has [acrkit.CodeUsage].
func SecretFile(name string) SecretSource { return newFileSource(name) }

func newFileSource(name string) *fileSource {
	return &fileSource{describedSource: sourceText(fmt.Sprintf("file %q", name)), name: name}
}

func (s *fileSource) costly() bool { return false }

func (s *fileSource) read(ctx context.Context, t *Transport) (Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held {
		return s.good, nil
	}
	for try := 1; ; try++ {
		value, regular, err := readSecretFile(s.name)
		if err == nil {
			s.good, s.held = redact.NewSecret(value), !regular
			return s.good, nil
		}
		if s.good.IsZero() {
			return Secret{}, s.failure(err)
		}
		if try == settleTries {
			// The last content may still be valid; if not, the registry refuses it.
			t.log.WarnContext(ctx, "a file with a secret cannot be read again; its last content is used", "file", s.name, "error", s.failure(err))
			return s.good, nil
		}
		pause := time.NewTimer(settlePause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return Secret{}, ctx.Err()
		}
	}
}

func (s *fileSource) failure(err error) error {
	e := &acrkit.Error{Code: acrkit.CodeUsage, Cause: causeWithin(err), Op: "read the secret in " + s.text, Reason: reasonOf(err)}
	switch {
	case s.name == "":
		e.Reason = "the file has no name"
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Reason = acrkit.CodeCredentialMissing, "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		e.Reason = "this user may not read it"
	}
	return wire.Final(e)
}

// readSecretFile reads a secret and takes one line feed off its end, which
// editors and echo put there. regular says that it can be read again.
func readSecretFile(name string) (value string, regular bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", false, err
	}
	data, err := secretFile.ReadAll(f)
	if err != nil {
		return "", false, err
	}
	s := strings.TrimSuffix(string(data), "\n")
	if len(s) < len(data) {
		s = strings.TrimSuffix(s, "\r")
	}
	if err := checkSecret("the secret", s); err != nil {
		return "", false, err
	}
	return s, info.Mode().IsRegular(), nil
}

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
		e.Code, e.Reason = acrkit.CodeHostRefused, "ACTIONS_ID_TOKEN_REQUEST_URL is not https, and its token goes nowhere else"
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
	e.Method, e.URL, e.Status = http.MethodGet, redact.URL(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}), resp.StatusCode
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
	case status == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, wire.Throttled(resp.Header)
		return Secret{}, e
	case status == http.StatusRequestTimeout || status >= 500:
		e.Code, e.Reason = acrkit.CodeUnavailable, "GitHub failed"
		return Secret{}, e
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Code, e.Reason = acrkit.CodeCredentialRejected, "GitHub does not accept the job's request token; it ends with the job"
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
