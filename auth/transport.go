package auth

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
)

// Options are the settings of a [Transport]. Nil means all zero.
type Options struct {
	Base              http.RoundTripper // sends the requests; nil = an own clone of http.DefaultTransport
	PlainHTTP         bool              // speak plain HTTP, to a loopback host only
	CustomLoginServer bool              // accept a login server that is neither ACR's nor loopback
	Logger            *slog.Logger      // nil = silent; never given a secret
	Now               func() time.Time  // nil = time.Now
}

// Transport is an [http.RoundTripper] that authorizes requests to one registry.
type Transport struct {
	registry acrkit.Registry
	cred     Credential
	opts     Options
}

type grant interface{}

// NewTransport binds a credential to a registry.
func NewTransport(registry string, cred Credential, opts *Options) (*Transport, error) {
	reg, err := acrkit.ParseRegistry(registry)
	if err != nil {
		return nil, err
	}
	t := &Transport{registry: reg, cred: cred}
	if opts != nil {
		t.opts = *opts
	}
	return t, nil
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "send a request", Registry: t.registry}
}

// Token is an ACR access token.
type Token struct {
	Value     Secret
	Requested acrkit.Scope
	Granted   *acrkit.Scope // the token's access claim; nil means unknown
	Expires   time.Time     // by this machine's clock
	Audience  string        // audience of the Entra token it came from; "" if none did
}

// Token returns an access token whose requested scope contains scope.
func (t *Transport) Token(ctx context.Context, scope acrkit.Scope) (Token, error) {
	return Token{}, &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "get an access token", Registry: t.registry}
}

// Granted returns what the cached token that serves the required scope was
// granted; nil means unknown.
func (t *Transport) Granted(required acrkit.Scope) *acrkit.Scope { return nil }

// Registry returns the registry the transport is bound to.
func (t *Transport) Registry() acrkit.Registry { return t.registry }

// Credential returns the credential the transport was made with.
func (t *Transport) Credential() Credential { return t.cred }

// Close forgets the tokens and ends background work.
func (t *Transport) Close() error { return nil }

// ResponseError turns a refused answer into an [*acrkit.Error], or nil if the
// status is below 400. It reads and closes the body.
func (t *Transport) ResponseError(resp *http.Response, op string) error { return nil }
