package manage

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/clock"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

const (
	// changeTime is how long one change may take, with all requests for its state.
	//rule:stalls-manage-change
	changeTime = 10 * time.Minute
	// requestTime is how long one request may take; the SDK tries again after it.
	//rule:stalls-manage-request
	requestTime = time.Minute
	// pollTime is the time between two requests for the state of a change, where Azure
	// Resource Manager does not name one.
	pollTime = time.Second
	// defaultSettle is longer than what az, Terraform and the portal need between their
	// read and their write of a scope map.
	defaultSettle = 2 * time.Second
)

// Options are the settings of a [Client]. Nil means all zero.
type Options struct {
	// Subscription and ResourceGroup narrow the search for a registry. With both, it is
	// one request; with neither, all subscriptions that the identity sees are searched.
	Subscription, ResourceGroup string
	// First is the id of the subscription that is searched before the others are listed, which
	// saves that request if it has the registry; "" = none. It does not narrow the search.
	First string
	// Settle is how long after a change its result is read again to detect
	// another change that was made from the same state; 0 = 2 s, negative = not at all.
	Settle time.Duration
	// Audit gets every change after it was made or refused. Nil = none.
	Audit func(Change)
	// Transport sends the requests; nil = a clone of http.DefaultTransport.
	Transport http.RoundTripper
	// Endpoint is the https URL of Azure Resource Manager; "" = the one of the registry's
	// cloud, and for a registry on loopback the registry's own.
	Endpoint string
	Now      func() time.Time // nil = time.Now
	// Sleep waits between two requests; nil = by the machine's clock. It returns early with
	// the error of its context.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Client finds registries. It may be used by several goroutines.
type Client struct {
	cred *bearer
	opts Options
}

// New returns a client with an Entra identity. Nothing is sent yet. The identity's tokens
// are for Azure Resource Manager and go to no other host.
func New(cred azcore.TokenCredential, opts *Options) (*Client, error) {
	if cred == nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use Azure Resource Manager",
			Reason: "the token credential is nil"}
	}
	c := &Client{cred: &bearer{source: azureauth.TokenSource(cred, nil)}}
	if opts != nil {
		c.opts = *opts
	}
	switch {
	case c.opts.Settle == 0:
		c.opts.Settle = defaultSettle
	case c.opts.Settle < 0:
		c.opts.Settle = 0
	}
	if c.opts.Now == nil {
		c.opts.Now = time.Now
	}
	if c.opts.Sleep == nil {
		c.opts.Sleep = clock.Sleep
	}
	base, _ := wire.Base(c.opts.Transport)
	c.opts.Transport = stall.Wrap(base)
	return c, nil
}

// bearer is a source of Entra tokens as azcore wants it: its errors are [*acrkit.Error].
type bearer struct {
	source auth.EntraTokenSource

	mu  sync.Mutex
	who Identity // of the last token
}

func (b *bearer) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, expires, err := b.source.EntraToken(ctx, strings.Join(o.Scopes, " "))
	if err != nil {
		return azcore.AccessToken{}, err
	}
	if claims, err := wire.ReadClaims(token); err == nil {
		b.mu.Lock()
		b.who = Identity(claims.Entra)
		b.mu.Unlock()
	}
	return azcore.AccessToken{Token: token, ExpiresOn: expires}, nil
}

func (b *bearer) identity() Identity {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.who
}

// armOptions are the SDK's options for the Azure Resource Manager of a registry.
func (c *Client) armOptions(reg acrkit.Registry) (*arm.ClientOptions, error) {
	endpoint := c.opts.Endpoint
	if endpoint == "" {
		endpoint = strings.TrimSuffix(wire.CloudOf(reg).ARM, "/.default")
		if reg.IsLoopback() { // the emulator is its own cloud: no token for Azure is sent to it
			endpoint = "https://" + reg.Host()
		}
	}
	u, err := url.Parse(endpoint)
	//rule:manage-https
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use Azure Resource Manager",
			Reason: "its endpoint is not an https URL"}
	}
	endpoint = u.Scheme + "://" + u.Host
	return &arm.ClientOptions{
		DisableRPRegistration: true, // it would register a resource provider unasked
		ClientOptions: policy.ClientOptions{
			Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager: {Endpoint: endpoint, Audience: endpoint}}},
			Transport: sender{c.opts.Transport, endpoint},
			Telemetry: policy.TelemetryOptions{ApplicationID: "acrkit"},
			Retry:     policy.RetryOptions{TryTimeout: requestTime},
		},
	}, nil
}

// sender sends azcore's requests to Azure Resource Manager alone: the next page of a list
// and the state of a change have addresses that an answer named, and get the token too.
// Redirects are not followed.
type sender struct {
	base     http.RoundTripper
	endpoint string
}

func (s sender) Do(req *http.Request) (*http.Response, error) {
	//rule:manage-origin
	if origin := req.URL.Scheme + "://" + req.URL.Host; !strings.EqualFold(origin, s.endpoint) {
		return nil, final{&acrkit.Error{Code: acrkit.CodeProtocol, Op: "ask Azure Resource Manager",
			Reason: "its answer leads to another host"}}
	}
	return s.base.RoundTrip(req)
}

// final is an error that the SDK does not try again.
type final struct{ error }

func (final) NonRetriable()   {}
func (f final) Unwrap() error { return f.error }
