package registry

import (
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/stall"
)

// Options change how a [Client] works. nil and the zero value are the defaults.
type Options struct {
	// PlainHTTP uses HTTP without TLS. It is for a registry on this machine (loopback)
	// only.
	PlainHTTP bool
	// OnRetry is called before a wait to send a request again, with the error that is its
	// reason; nil is not called. Concurrent requests call it concurrently.
	OnRetry func(wait time.Duration, err error)
}

// Client sends requests to one registry. It is safe for concurrent use, and need not be
// closed.
type Client struct {
	reg     acrkit.Registry
	scheme  string
	rt      http.RoundTripper // as given, to describe its credential in errors
	http    *http.Client
	onRetry func(time.Duration, error)
}

// New returns a client of the registry, a login server or a bare name. rt sends
// the requests with a credential; normally it is an auth.Transport for the same
// registry. Nothing is sent yet.
func New(registry string, rt http.RoundTripper, opts *Options) (*Client, error) {
	reg, err := acrkit.ParseRegistry(registry)
	if err != nil {
		return nil, err
	}
	if rt == nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "open a client", Registry: reg,
			Reason: "there is no RoundTripper to send requests with"}
	}
	if opts == nil {
		opts = &Options{}
	}
	c := &Client{reg: reg, scheme: "https", rt: rt, onRetry: opts.OnRetry}
	if c.onRetry == nil {
		c.onRetry = func(time.Duration, error) {}
	}
	if opts.PlainHTTP {
		if !reg.IsLoopback() {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Op: "open a client", Registry: reg,
				Reason: "plain HTTP is for a registry on this machine only; a password would travel readable"}
		}
		c.scheme = "http"
	}
	c.http = &http.Client{
		//rule:stalls-new
		Transport: stall.Wrap(rt),
		// The API never redirects; a redirect is reported, not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}
